import pickle
from dataclasses import asdict

import numpy
import pytest
import torch
from lightning import Trainer

from wavspa_lit.nn import EncoderConfig
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks import MaskedPretraining, SequenceClassification, TokenReasoning
from wavspa_lit.tasks.metrics import IGNORED, ConstantAccuracy, GroupedAccuracy
from wavspa_lit.tasks.transfer import init_from
from wavspa_lit.wavelets import WaveletConfig

SIZES = {"vocab_size": 7, "num_classes": 3, "max_length": 12}
ENCODER = EncoderConfig(dim=8, layers=1, mlp_dim=16, wavelet=WaveletConfig(kind="orthogonal", name="db2"))


def tasks():
    groups = {"group_values": [1, 2, 3], "trained_groups": [0]}
    return [
        SequenceClassification(ENCODER, OptimizerConfig(), "max", **SIZES),
        TokenReasoning(ENCODER, OptimizerConfig(lr=0.1), **SIZES, **groups),
        MaskedPretraining(ENCODER, OptimizerConfig(), 0.3, **SIZES),
    ]


@pytest.mark.parametrize("task", tasks(), ids=lambda task: type(task).__name__)
def test_a_checkpoint_rebuilds_the_task_from_plain_data(task, tmp_path):
    trainer = Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", default_root_dir=tmp_path)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "task.ckpt", weights_only=True)
    plain = torch.load(tmp_path / "task.ckpt", weights_only=True)["hyper_parameters"]
    assert plain["encoder"] == asdict(ENCODER)
    again = type(task).load_from_checkpoint(tmp_path / "task.ckpt", weights_only=True)
    assert again.encoder_config == ENCODER
    assert again.optimizer_config == task.optimizer_config
    for (name, a), b in zip(task.state_dict().items(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


@pytest.mark.parametrize(("name", "near"), [("hiden", "hidden"), ("poling", "pooling"), ("max_lenght", "max_length")])
def test_a_wrong_keyword_is_refused_with_the_nearest(name, near):
    kind = MaskedPretraining if near == "hidden" else SequenceClassification
    with pytest.raises(ValueError, match=rf"{kind.__name__} has no argument '{name}': did you mean {near}\?"):
        kind(ENCODER, OptimizerConfig(), **SIZES, **{name: 1})


def test_ignored_labels_count_nowhere():
    task = SequenceClassification(ENCODER, OptimizerConfig(), **SIZES).eval()
    batch = {"tokens": torch.randint(1, 7, (4, 9)), "labels": torch.tensor([0, 2, -100, -100])}
    half = {key: value[:2] for key, value in batch.items()}
    loss, count = task.loss(task(batch), batch["labels"])
    assert count == 2
    torch.testing.assert_close(loss, task.loss(task(half), half["labels"])[0])
    logits = task(batch)
    task.update_metrics("val", logits, batch)
    expected = (logits[:2].argmax(-1) == half["labels"]).float().mean()
    torch.testing.assert_close(task.scores_of("val").acc.compute(), expected)


def test_a_batch_of_ignored_labels_has_a_finite_loss():
    task = SequenceClassification(ENCODER, OptimizerConfig(), **SIZES)
    loss, count = task.loss(torch.randn(2, 3), torch.full((2,), -100))
    assert (float(loss), int(count)) == (0.0, 0)


def test_reasoning_trains_inside_the_trained_range_only():
    task = tasks()[1]
    labels = torch.tensor([[-100, 1, 2], [0, -100, 1]])
    batch = {"labels": labels, "loss_mask": torch.tensor([[False, True, False], [True, False, False]])}
    assert task.trained_labels(batch).tolist() == [[-100, 1, -100], [0, -100, -100]]


def test_the_loss_is_the_mean_over_passes_or_asks_each_group_from_its_pass_on():
    encoder = EncoderConfig(dim=8, layers=1, mlp_dim=16, dropout=0.0, share_layers=True, loops=2, deep_supervision=True)
    groups = {"group_values": [1, 2, 3], "trained_groups": [0, 1]}
    plain, staged = (TokenReasoning(encoder, OptimizerConfig(), staged, **SIZES, **groups) for staged in (False, True))
    staged.load_state_dict(plain.state_dict())
    group = torch.tensor([[0, 1, -1, 2], [1, 0, 2, -1]])
    batch = {"tokens": torch.randint(1, 7, (2, 4)), "labels": (group % 3).masked_fill(group < 0, IGNORED)}
    batch |= {"groups": group, "loss_mask": (group >= 0) & (group < 2)}
    labels = plain.trained_labels(batch)
    first, last = plain(batch).chunk(2)
    torch.testing.assert_close(plain.eval()(batch), last)
    mean = (plain.loss(first, labels)[0] + plain.loss(last, labels)[0]) / 2
    torch.testing.assert_close(plain.train().training_step(batch, 0), mean)
    root = labels.masked_fill(group > 0, IGNORED)
    expected = (2 * staged.loss(first, root)[0] + 4 * staged.loss(last, labels)[0]) / 6
    torch.testing.assert_close(staged.training_step(batch, 0), expected)
    for wrong, message in (
        ({"deep_supervision": False}, "deep_supervision true"),
        ({"loops": 1}, "raise encoder.loops"),
    ):
        with pytest.raises(ValueError, match=message):
            TokenReasoning({**asdict(encoder), **wrong}, OptimizerConfig(), True, **SIZES, **groups)


def test_learned_positions_refuse_lengths_that_were_not_trained():
    encoder = EncoderConfig(dim=8, layers=1, mlp_dim=16, space="token", positions="learned")
    task = TokenReasoning(encoder, OptimizerConfig(), **SIZES, trained_length=5)
    task({"tokens": torch.ones(1, 5, dtype=torch.int64)})
    with pytest.raises(ValueError, match="learned positions cover 5 positions, the input has 6"):
        task({"tokens": torch.ones(1, 6, dtype=torch.int64)})
    assert task.hparams["max_length"] == 5  # what rebuilds it from a checkpoint


def test_grouped_accuracy_equals_counting():
    predictions, labels = torch.randint(0, 3, (2, 50, 4)), torch.randint(0, 3, (2, 50, 4))
    groups = torch.randint(0, 5, (2, 50, 4))
    labels[groups == 1] = -100
    groups[labels == -100] = -1
    metric = GroupedAccuracy(5)
    for batch in range(2):
        metric.update(predictions[batch], labels[batch], groups[batch])
    expected = [(predictions == labels)[groups == g].float().mean() for g in range(5)]
    torch.testing.assert_close(metric.compute(), torch.stack(expected), equal_nan=True)
    assert metric.compute()[1].isnan()


def test_chance_is_the_share_of_the_most_frequent_label():
    metric = ConstantAccuracy(4)
    metric.update(torch.tensor([[3, 3, -100], [0, -100, 3]]))
    metric.update(torch.tensor([1]))
    assert metric.compute() == pytest.approx(3 / 5)


def test_pretraining_hides_valid_tokens_and_asks_for_them():
    task = MaskedPretraining(ENCODER, OptimizerConfig(), 0.3, **SIZES)
    tokens, lengths = torch.randint(1, 7, (400, 2, 12)), torch.randint(1, 13, (400, 2, 1))
    mask = torch.arange(12) < lengths
    batch = {"tokens": tokens * mask, "mask": mask, "labels": torch.zeros(400, dtype=torch.long)}
    hidden = task.hide(batch)
    asked, flat = hidden["labels"] != IGNORED, batch["tokens"].flatten(0, 1)
    assert (hidden["labels"][asked] == flat[asked]).all() and not hidden["tokens"][asked].any()
    assert (hidden["tokens"][~asked] == flat[~asked]).all()
    assert not (asked & ~hidden["mask"]).any()
    assert abs(asked.sum() / mask.sum() - 0.3) < 0.03
    one, two = (task.hide(batch, torch.Generator().manual_seed(3))["labels"] for _ in range(2))
    assert torch.equal(one, two)


def test_pretraining_refuses_what_has_no_tokens():
    with pytest.raises(ValueError, match=r"use data\.pixels=tokens"):
        MaskedPretraining(ENCODER, OptimizerConfig(), vocab_size=0, max_length=12)
    with pytest.raises(ValueError, match=r"model\.hidden must lie between 0 and 1"):
        MaskedPretraining(ENCODER, OptimizerConfig(), 1.0, vocab_size=7, max_length=12)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", pickle.dumps(Trainer, protocol=2)])
def test_warm_starts_refuse_other_files(content, tmp_path):
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.ckpt: not a checkpoint"):
        init_from(tasks()[0], tmp_path / "x.ckpt")


def test_batches_without_labels_are_predicted():
    task = SequenceClassification(ENCODER, OptimizerConfig(), **SIZES).eval()
    batch = {"tokens": torch.randint(1, 7, (4, 9))}
    answers = task.predict_step(batch, 0)
    assert answers.keys() == {"prediction", "probability", "probabilities"} and answers["prediction"].shape == (4,)
    assert task.predict_step(batch | {"labels": torch.arange(4)}, 0)["label"].tolist() == [0, 1, 2, 3]


def test_numbers_of_numpy_are_kept_as_plain_ones(tmp_path):
    """Searches give such numbers; a checkpoint with one could not be loaded without running code."""
    optimizer = {"lr": numpy.float64(0.01), "warmup_steps": numpy.int64(3)}
    sizes = {**SIZES, "max_length": numpy.int64(12)}
    task = SequenceClassification(ENCODER, optimizer, class_weights=list(numpy.ones(3)), **sizes)
    trainer = Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", default_root_dir=tmp_path)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "task.ckpt")
    plain = torch.load(tmp_path / "task.ckpt", weights_only=True)["hyper_parameters"]
    assert type(plain["optimizer"]["lr"]) is float and type(plain["max_length"]) is int
