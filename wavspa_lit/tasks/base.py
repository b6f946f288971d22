"""The abstract task: one step shared by training, validation and test; plain hyper-parameters."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self, cast

import torch
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn

from wavspa_lit.choices import check, from_plain, plain_data, settings_of
from wavspa_lit.nn import Encoder, EncoderConfig
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks.checkpointed import Checkpointed
from wavspa_lit.tasks.objectives import Classes, Objective
from wavspa_lit.tasks.optimised import Optimised
from wavspa_lit.tasks.scores import Scores
from wavspa_lit.tasks.steps import logs
from wavspa_lit.tasks.targets import Target, check_target
from wavspa_lit.wavelets import FilterBank

Batch = dict[str, Tensor]


class Task(Optimised, Checkpointed, ABC):
    """An encoder with a head, a loss and metrics.

    Subclasses say what data they are for, and build `head`.

    Args:
        encoder: The encoder, as a config or as the plain data of one.
        optimizer: AdamW and its schedule, likewise.
        objective: Builds what labels are from the number of classes.
        vocab_size: Number of token ids; linked to the data.
        num_classes: Number of classes; where labels are numbers, how many a label has; linked to the data.
        max_length: Longest sequence; linked to the data.
        channels: Numbers at each position of `features`; linked to the data. If None, the inputs are `tokens`.
        target: What a label is in the data, which must be what this task is for; linked to the data.
        paired: Whether the data are pairs of sequences, likewise.
        **hyperparameters: The subclass's own arguments, plain data; saved in checkpoints. With the `pooling` cls the
            encoder prepends a CLS token. An `activation` of None becomes that of the encoder's conventions.
    """

    target: ClassVar[Target | None] = None
    """What labels the task is for; None: any."""
    of_pairs: ClassVar[bool] = False
    """Whether it is for pairs of sequences."""
    head: nn.Module
    """Maps states and their mask to what `forward` returns, but for `Objective.decode`."""

    @abstractmethod
    def __init__(
        self,
        encoder: EncoderConfig | Mapping[str, Any],
        optimizer: OptimizerConfig | Mapping[str, Any],
        *,
        objective: Callable[[int], Objective] = Classes,
        vocab_size: int,
        num_classes: int,
        max_length: int,
        channels: int | None = None,
        target: Target | None = None,
        paired: bool | None = None,
        **hyperparameters: Any,
    ) -> None:
        super().__init__()
        for name in hyperparameters:
            check(f"{type(self).__name__} has no argument", name, sorted(settings_of(type(self)) - {"objective"}))
        if self.target is not None:
            check_target(type(self).__name__, self.target, target, paired, of_pairs=self.of_pairs)
        self.encoder_config = from_plain(EncoderConfig, encoder, "encoder")
        self.optimizer_config = from_plain(OptimizerConfig, optimizer, "optimizer")
        # Plain data only, so that checkpoints load with weights_only=True and rebuild this module anywhere.
        settings = plain_data(
            {
                "encoder": asdict(self.encoder_config),
                "optimizer": asdict(self.optimizer_config),
                "vocab_size": vocab_size,
                "num_classes": num_classes,
                "max_length": max_length,
                "channels": channels,
                **hyperparameters,
            }
        )
        if settings.get("activation", "") is None:
            settings["activation"] = self.encoder_config.conventions.activation
        self.save_hyperparameters(settings, logger=False)
        tokens = vocab_size if channels is None else None
        cls_token = settings.get("pooling") == "cls"
        self.encoder = Encoder(self.encoder_config, tokens, max_length, channels=channels, cls_token=cls_token)
        self.input_name = "tokens" if channels is None else "features"
        """What of a batch is read."""
        self.objective = objective(num_classes)
        self.scores = nn.ModuleDict({split: self.objective.build_scores() for split in ("val", "test")})
        self.confusion: dict[str, Tensor] = {}
        """Counts (label, prediction) of the latest evaluation of a split, if `imbalance_metrics` are asked for."""
        self._logged = False

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets an attribute.

        Lightning notes some fifty times a step which hook runs. That does not go through the module, because it looks
        at each value whether it is a parameter.
        """
        if name == "_current_fx_name":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    @classmethod
    def for_data(cls, facts: Any, **settings: Any) -> Self:
        """A task for the data that have these facts.

        Args:
            facts: A dataclass whose fields are named like arguments of tasks, such as `datamodules.base.Facts`; those
                that this task does not read are left out.
            **settings: Its other arguments, such as `encoder` and `optimizer`.
        """
        known = settings_of(cls)
        return cls(**{name: value for name, value in asdict(facts).items() if name in known}, **settings)

    @property
    def score(self) -> str:
        """The metric by which the best weights are chosen, such as `acc`; more is better."""
        return self.objective.score

    def setup(self, stage: str) -> None:
        """Before a training, shows the training labels to an objective that wants to see them."""
        if stage == "fit" and self.objective.reads_labels:
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            if not hasattr(data, "training_labels"):
                raise MisconfigurationException(
                    f"{type(self).__name__} has to see the training labels, and there is no data module that has the "
                    "method training_labels; give model.class_weights, or model.target_mean and model.target_sd, as "
                    "numbers"
                )
            self.objective.prepare(data.training_labels())

    def inputs_of(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """What the encoder takes of a batch, and its mask.

        Args:
            batch: `tokens` (batch, length), or `features` (batch, length, channels), and `mask` (batch, length), if
                there is padding.
        """
        return batch[self.input_name], batch.get("mask")

    def answer(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """What `forward` returns, for `inputs_of` a batch."""
        return self.objective.decode(self.head(*self.encoder(inputs, mask)))

    def forward(self, batch: Batch) -> Tensor:
        """Logits (*labels' shape, classes), or for labels that are not a class each, a number for each of them.

        Args:
            batch: See `inputs_of`.
        """
        return self.answer(*self.inputs_of(batch))

    def trained_labels(self, batch: Batch) -> Tensor:
        """The labels that the loss is taken over; `IGNORED` elsewhere."""
        return batch["labels"]

    def labels_of_passes(self, labels: Tensor, batch: Batch) -> Tensor:
        """The labels that the loss is taken over, repeated for each pass that is trained on (`deep_supervision`)."""
        return torch.cat([labels] * self.encoder.supervised_passes)

    def loss(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """See `Objective.loss`; the classes are not weighted."""
        return self.objective.loss(logits, labels)

    def scores_of(self, split: str) -> Scores:
        """The metrics of `split`, val or test."""
        return cast(Scores, self.scores[split])

    def update_metrics(self, split: str, logits: Tensor, batch: Batch) -> None:
        """Adds a batch, with the logits that `forward` returns for it, to the metrics of `split`, val or test."""
        scores = self.scores_of(split)
        scores.loss.update(*self.loss(logits, self.trained_labels(batch)))
        scores.update(logits, batch["labels"])

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Logs `train/loss` and `train/acc` of the batch (`train/mae` for numbers); returns the loss."""
        logits, labels = self(batch), self.trained_labels(batch)
        repeated = self.labels_of_passes(labels, batch)
        weights = self.objective.weights
        loss, _ = self.loss(logits, repeated) if weights is None else self.objective.loss(logits, repeated, weights)
        if logged := self._logs_step():
            name, value = self.objective.batch_score(logits[-len(labels) :], labels)
            self.log("train/loss", loss, prog_bar=self._in_bar())
            self.log(f"train/{name}", value)
        weight = self.encoder_config.wavelet.penalty
        banks = [module for module in self.encoder.modules() if isinstance(module, FilterBank)] if weight else []
        if banks:
            penalty = torch.stack([bank.penalty() for bank in banks]).sum()
            if logged:
                self.log("train/wavelet_penalty", penalty)
            loss = loss + weight * penalty
        together, left = self.accumulated()
        # Lightning divides by `accumulate_grad_batches` also at the end of an epoch, where a step holds fewer batches.
        return loss * (together / left) if left and batch_idx >= self.trainer.num_training_batches - left else loss

    def _logs_step(self) -> bool:
        """Whether values of this step are logged, which takes Python a millisecond or two.

        They are at every `log_every_n_steps`th step, as loggers write them; at the first one, so that callbacks know
        their names; and at the last one, for results.
        """
        if self._trainer is None:
            return True
        step = self.trainer.global_step + 1
        first, self._logged = not self._logged, True
        return first or logs(self.trainer, step) or step == self.trainer.max_steps or self.trainer.is_last_batch

    def on_train_start(self) -> None:
        """See `Optimised.on_train_start`."""
        self._logged = False
        super().on_train_start()

    def _in_bar(self) -> bool:
        """Whether a progress bar has to be handed the loss. Lightning then waits for the GPU at every step."""
        bar = self._trainer and self._trainer.progress_bar_callback
        return bar is not None and not getattr(bar, "takes_loss", False)

    def _evaluation_step(self, split: str, batch: Batch) -> None:
        self.update_metrics(split, self(batch), batch)
        for name, metric in self.scores_of(split).logged():
            self.log(f"{split}/{name}", metric, prog_bar=name in ("loss", self.score))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Logs `val/loss`, `val/acc`, `val/chance` and the metrics of the task."""
        self._evaluation_step("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Logs `test/loss`, `test/acc`, `test/chance` and the metrics of the task."""
        self._evaluation_step("test", batch)

    def on_validation_epoch_end(self) -> None:
        """See `end_evaluation`."""
        self.end_evaluation("val")

    def on_test_epoch_end(self) -> None:
        """See `end_evaluation`."""
        self.end_evaluation("test")

    def end_evaluation(self, split: str) -> None:
        """Keeps the confusion matrix of `split`, val or test, for a picture, if there is one."""
        metric = self.scores_of(split).confusion
        if metric is not None and metric.update_called:
            self.confusion[split] = metric.compute()
            metric.reset()

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Returns what there is to say of each label.

        Returns:
            `prediction` and, if the batch has labels, `label` (ignored where nothing is asked), of one shape. For
            classes, `prediction` is the likeliest one, `probability` its probability, and `probabilities`
            (*labels' shape, classes) those of all. For several classes at once, `prediction` says of each whether it
            holds, and `probabilities` (batch, classes) how probable that is.
        """
        labels = {"label": batch["labels"]} if "labels" in batch else {}
        return self.objective.answers(self(batch)) | labels

    @property
    def expects(self) -> str:
        """What the model takes and answers, in a line."""
        size, channels, names = self.hparams["vocab_size"], self.hparams["channels"], self.class_names
        inputs = f"token ids 0 to {size - 1}" if size else "numbers"
        inputs = inputs if channels is None else f"features of {channels} numbers"
        what = self.objective.answered.format(self.hparams["num_classes"])
        answers = what + (f" ({', '.join(names)})" if names else "")
        return f"{type(self).__name__}: {inputs}, at most {self.hparams['max_length']} in a sequence; {answers}"
