"""`load`: any checkpoint, of any task, of any age."""

import pytest
import torch

import wavspa_lit
from wavspa_lit import load
from wavspa_lit.tasks import MaskedPretraining, SequenceClassification, SequenceMatching, TokenReasoning
from wavspa_lit.tasks.transfer import CheckpointError

SIZES = {"vocab_size": 11, "num_classes": 2, "max_length": 16}
PLAIN = {"encoder": {"dim": 8, "layers": 1, "mlp_dim": 8, "attention": {"heads": 2}}, "optimizer": {}}


def saved(model, path, **more):
    checkpoint = {"state_dict": model.state_dict(), "hyper_parameters": dict(model.hparams), "global_step": 3}
    model.on_save_checkpoint(checkpoint)
    torch.save({**checkpoint, "pytorch-lightning_version": "2.6.6", **more}, path)
    return path


GROUPS = {"group_name": "length", "group_values": [1, 2], "trained_groups": [0]}


@pytest.mark.parametrize("kind", [MaskedPretraining, SequenceClassification, SequenceMatching, TokenReasoning])
def test_the_task_is_found_in_checkpoints_that_name_it_and_in_older_ones(kind, tmp_path):
    task = kind(**PLAIN, **SIZES, **(GROUPS if kind is TokenReasoning else {}))
    for path in (saved(task, tmp_path / "new.ckpt"), saved(task, tmp_path / "old.ckpt", task=None)):
        model = load(path)
        assert type(model) is kind and not model.training
        assert all(torch.equal(value, model.state_dict()[name]) for name, value in task.state_dict().items())


def test_it_says_what_it_expects(tmp_path):
    names = ["negative", "positive"]
    path = saved(SequenceClassification(**PLAIN, **SIZES), tmp_path / "a.ckpt", class_names=names)
    assert load(path).expects == (
        "SequenceClassification: token ids 0 to 10, at most 16 in a sequence; 2 classes (negative, positive)"
    )


def test_a_run_directory_means_its_best_checkpoint(configs):
    run = configs.parent / "checkpoints" / "lego-ada"
    assert "TokenReasoning" in load(run).expects
    with pytest.raises(CheckpointError, match="no such file"):
        load(run / "nothing")


class Foreign(SequenceClassification):
    """A task of another package."""


def test_tasks_of_other_packages_need_trust(tmp_path):
    path = saved(Foreign(**PLAIN, **SIZES), tmp_path / "own.ckpt")
    assert isinstance(load(path, trust=True), SequenceClassification)
    other = saved(Foreign(**PLAIN, **SIZES), tmp_path / "other.ckpt", task="not.imported.Task")
    with pytest.raises(ValueError, match="--trust"):
        load(other)
    nothing = saved(Foreign(**PLAIN, **SIZES), tmp_path / "n.ckpt", task=None, hyper_parameters={})
    with pytest.raises(CheckpointError, match="of which task"):
        load(nothing)


def test_the_front_door_opens_to_all_that_it_promises():
    assert all(getattr(wavspa_lit, name) for name in wavspa_lit.__all__)
    assert set(wavspa_lit.__all__) <= set(dir(wavspa_lit))
    with pytest.raises(AttributeError):
        wavspa_lit.nothing  # noqa: B018
