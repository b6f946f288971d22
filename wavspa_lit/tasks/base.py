"""The abstract task: one step shared by training, validation and test; optimiser; plain hyper-parameters."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Self, cast

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.optim.lr_scheduler import LambdaLR

from wavspa_lit.choices import from_plain, imports, settings_of
from wavspa_lit.nn import Encoder, EncoderConfig
from wavspa_lit.nn.heads import PoolingHead
from wavspa_lit.optim import GROUPS, OptimizerConfig, build_adamw
from wavspa_lit.renamed import renamed_everywhere
from wavspa_lit.tasks.metrics import IGNORED, Scores
from wavspa_lit.tasks.transfer import CheckpointError
from wavspa_lit.wavelets import FilterBank

Batch = dict[str, Tensor]


def differences(before: Any, now: Any, name: str) -> list[str]:
    """Where two trees of plain data differ, as `name: before, now`."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return [text for key in now if key in before for text in differences(before[key], now[key], f"{name}.{key}")]
    return [] if before == now or before is None else [f"{name}: {before} in the checkpoint, {now} now"]


class Task(LightningModule, ABC):
    """An encoder with a head, a loss and metrics.

    Subclasses build `self.head` and implement `forward`; a label is one class index per sequence or per position.

    Args:
        encoder: The encoder, as a config or as the plain data of one.
        optimizer: AdamW and its schedule, likewise.
        vocab_size: Number of token ids; linked to the data by the command line.
        num_classes: Number of classes; linked to the data.
        max_length: Longest sequence; linked to the data.
        cls_token: Whether the encoder prepends a CLS token.
        **hyperparameters: The subclass's own arguments, plain data; saved in checkpoints.
    """

    def __init__(
        self,
        encoder: EncoderConfig | Mapping[str, Any],
        optimizer: OptimizerConfig | Mapping[str, Any],
        *,
        vocab_size: int,
        num_classes: int,
        max_length: int,
        cls_token: bool = False,
        **hyperparameters: Any,
    ) -> None:
        super().__init__()
        self.checkpoint_step = 0
        """The step of the checkpoint that was loaded last."""
        self.encoder_config = from_plain(EncoderConfig, encoder, "encoder")
        self.optimizer_config = from_plain(OptimizerConfig, optimizer, "optimizer")
        if hyperparameters.get("activation", "") is None:
            hyperparameters["activation"] = self.encoder_config.conventions.activation
        # Plain data only, so that checkpoints load with weights_only=True and rebuild this module anywhere.
        self.save_hyperparameters(
            {
                "encoder": asdict(self.encoder_config),
                "optimizer": asdict(self.optimizer_config),
                "vocab_size": vocab_size,
                "num_classes": num_classes,
                "max_length": max_length,
                **hyperparameters,
            },
            logger=False,
        )
        self.encoder = Encoder(self.encoder_config, vocab_size, max_length, cls_token=cls_token)
        self.class_names: tuple[str, ...] = ()
        self.scores = nn.ModuleDict({split: Scores(num_classes) for split in ("val", "test")})

    @classmethod
    def load_from_checkpoint(cls, *args: Any, trust: bool = False, **kwargs: Any) -> Self:
        """As Lightning does it; classes of other packages that a checkpoint names are imported only with `trust`."""
        with imports(trust):
            return super().load_from_checkpoint(*args, **kwargs)

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

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Logits (*labels' shape, classes)."""

    def trained_labels(self, batch: Batch) -> Tensor:
        """The labels that the loss is taken over; `IGNORED` elsewhere."""
        return batch["labels"]

    def labels_of_passes(self, labels: Tensor, batch: Batch) -> Tensor:
        """The labels that the loss is taken over, once more for each pass that is trained on (`deep_supervision`)."""
        return torch.cat([labels] * self.encoder.supervised_passes)

    def loss(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy over the labels that are not `IGNORED`, and their number."""
        count = (labels != IGNORED).sum()
        total = nn.functional.cross_entropy(
            logits.flatten(0, -2).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        return total / count.clamp(min=1), count

    def scores_of(self, split: str) -> Scores:
        """The metrics of `split`, val or test."""
        return cast(Scores, self.scores[split])

    def update_metrics(self, split: str, logits: Tensor, batch: Batch) -> None:
        """Adds a batch to the metrics of `split`, val or test."""
        labels, scores = batch["labels"], self.scores_of(split)
        scores.loss.update(*self.loss(logits, self.trained_labels(batch)))
        scores.acc.update(logits.flatten(0, -2), labels.flatten())
        scores.chance.update(labels)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Logs `train/loss` and `train/acc` of the batch; returns the loss."""
        logits, labels = self(batch), self.trained_labels(batch)
        loss, _ = self.loss(logits, self.labels_of_passes(labels, batch))
        correct = (logits[-len(labels) :].argmax(-1) == labels).sum()
        self.log("train/loss", loss, prog_bar=True)
        self.log("train/acc", correct / (labels != IGNORED).sum().clamp(min=1))
        weight = self.encoder_config.wavelet.penalty
        banks = [module for module in self.encoder.modules() if isinstance(module, FilterBank)]
        if weight and banks:
            penalty = torch.stack([bank.penalty() for bank in banks]).sum()
            self.log("train/wavelet_penalty", penalty)
            loss = loss + weight * penalty
        together, left = self._accumulated()
        # Lightning divides by `accumulate_grad_batches` also at the end of an epoch, where a step holds fewer batches.
        return loss * (together / left) if left and batch_idx >= self.trainer.num_training_batches - left else loss

    def _accumulated(self) -> tuple[int, int]:
        """How many batches a step holds, and how many the last step of an epoch, 0 if as many."""
        if self._trainer is None or self.trainer.num_training_batches == math.inf:
            return 1, 0
        together = self.trainer.accumulate_grad_batches
        return together, int(self.trainer.num_training_batches) % together

    def _evaluation_step(self, split: str, batch: Batch) -> None:
        self.update_metrics(split, self(batch), batch)
        scores = self.scores_of(split)
        self.log(f"{split}/loss", scores.loss, prog_bar=True)
        self.log(f"{split}/acc", scores.acc, prog_bar=True)
        self.log(f"{split}/chance", scores.chance)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Logs `val/loss`, `val/acc`, `val/chance` and the metrics of the task."""
        self._evaluation_step("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Logs `test/loss`, `test/acc`, `test/chance` and the metrics of the task."""
        self._evaluation_step("test", batch)

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Returns what there is to say of each label.

        Returns:
            `probabilities` (*labels' shape, classes); the likeliest class, `prediction`, with its `probability`; and
            `label` (`IGNORED` where nothing is asked), the three shaped like the labels.
        """
        probabilities = self(batch).float().softmax(-1)
        probability, prediction = probabilities.max(-1)
        return {
            "prediction": prediction,
            "probability": probability,
            "probabilities": probabilities,
            "label": batch["labels"],
        }

    @property
    def expects(self) -> str:
        """What the model takes and answers, in a line."""
        size, names = self.hparams["vocab_size"], self.class_names
        inputs = f"token ids 0 to {size - 1}" if size else "numbers"
        answers = f"{self.hparams['num_classes']} classes" + (f" ({', '.join(names)})" if names else "")
        return f"{type(self).__name__}: {inputs}, at most {self.hparams['max_length']} in a sequence; {answers}"

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Names the class, and the classes of the data; numbers the optimiser's parameters as the module does.

        FSDP expects these numbers when it loads. Other strategies, and optimisers, go by the order in which the groups
        list them.
        """
        kind = type(self)
        ours = kind.__module__.startswith("wavspa_lit.")
        checkpoint["task"] = kind.__name__ if ours else f"{kind.__module__}.{kind.__qualname__}"
        if self._trainer is not None:
            self.class_names = tuple(getattr(self.trainer.datamodule, "class_names", ()))  # type: ignore[attr-defined]
        checkpoint["class_names"] = list(self.class_names)
        if self._trainer is None or isinstance(self.trainer.strategy.model, FullyShardedDataParallel):
            return  # there is no optimiser yet, or FSDP has done so itself
        numbers = {id(parameter): number for number, parameter in enumerate(self.parameters())}
        for optimizer, saved in zip(self.trainer.optimizers, checkpoint.get("optimizer_states", []), strict=False):
            order = [numbers[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
            saved["state"] = {order[place]: state for place, state in saved["state"].items()}
            for group in saved["param_groups"]:
                group["params"] = [order[place] for place in group["params"]]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Compares the settings of a checkpoint with those given, before its weights are loaded.

        Raises:
            CheckpointError: If the weights are of another model; names the settings.
        """
        self.checkpoint_step = checkpoint.get("global_step", 0)
        self.class_names = tuple(checkpoint.get("class_names", ()))
        saved, weights = renamed_everywhere(checkpoint.get("hyper_parameters", {})), checkpoint.get("state_dict")
        head = getattr(self, "head", None)
        if isinstance(head, PoolingHead):  # what it does is not to be seen in the weights
            self.hparams["activation"] = saved.get("activation", "relu")  # as it was before it could be chosen
            head.set_activation(self.hparams["activation"])
        if weights is not None:  # FSDP has loaded them already
            own = {name: value.shape for name, value in self.state_dict().items()}
            wrong = [name for name in own | weights if name not in weights or own.get(name) != weights[name].shape]
            names = ("encoder", "vocab_size", "num_classes", "max_length")
            changed = [text for name in names for text in differences(saved.get(name), self.hparams[name], name)]
            if wrong:
                found = "; ".join(changed) or f"{wrong[0]} is missing, unknown or of another shape"
                raise CheckpointError(f"the checkpoint is of another model: {found}")
        for optimizer in checkpoint.get("optimizer_states", []):
            for group, name in zip(optimizer["param_groups"], GROUPS, strict=False):
                group.setdefault("name", name)  # which older checkpoints lack
        if self._trainer is not None and self.trainer.training:
            for change in differences(saved.get("optimizer"), self.hparams["optimizer"], "optimizer"):
                name = change.split(":")[0].split(".")[-1]
                effect = "the new value holds"
                if name in ("lr", "weight_decay", "beta1", "beta2", "eps"):
                    self.hparams["optimizer"][name] = saved["optimizer"][name]  # what later checkpoints are to say
                    effect = "the checkpoint's value stays; use --init_from to start anew"
                rank_zero_warn(f"resuming with a changed setting, {change}: {effect}")

    def on_train_start(self) -> None:
        """Says so if the last step of an epoch holds fewer batches, or a resumed training another learning rate.

        A longer training is enough for the latter.
        """
        together, left = self._accumulated()
        if left:
            rank_zero_info(
                f"the last step of each epoch takes the mean of {left} batches instead of {together}, because its "
                f"{self.trainer.num_training_batches} are no multiple of --trainer.accumulate_grad_batches {together}"
            )
        scheduler = self.lr_schedulers()
        if not isinstance(scheduler, LambdaLR):
            return
        before = scheduler.get_last_lr()[0]
        now = scheduler.base_lrs[0] * scheduler.lr_lambdas[0](scheduler.last_epoch)
        if not math.isclose(before, now, rel_tol=1e-6, abs_tol=1e-12):
            rank_zero_warn(
                f"resuming with another schedule: the learning rate was to be {before:.3g} and is {now:.3g} now; "
                "its length is trainer.max_steps, unless model.optimizer.total_steps is given"
            )

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """As Lightning does it, but also by the norm of gradients that FSDP has sharded, which Lightning refuses."""
        model = self.trainer.strategy.model
        if isinstance(model, FullyShardedDataParallel) and gradient_clip_val and gradient_clip_algorithm != "value":
            model.clip_grad_norm_(gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW over the parameter groups, with a schedule counted in optimiser steps."""
        try:
            optimizer, scheduler = build_adamw(self, self.optimizer_config, self.trainer.estimated_stepping_batches)
        except ValueError as error:
            raise MisconfigurationException(str(error)) from None
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step", "name": "train/lr"},
        }
