"""From a checkpoint to its model, whichever task it is of."""

from pathlib import Path
from typing import Any

from wavspa_lit.choices import find_class, imports
from wavspa_lit.tasks.base import Task
from wavspa_lit.tasks.masked_pretraining import MaskedPretraining
from wavspa_lit.tasks.multilabel_classification import MultilabelClassification
from wavspa_lit.tasks.sequence_classification import SequenceClassification
from wavspa_lit.tasks.sequence_matching import SequenceMatching
from wavspa_lit.tasks.sequence_regression import SequenceRegression
from wavspa_lit.tasks.token_classification import TokenClassification
from wavspa_lit.tasks.token_reasoning import TokenReasoning
from wavspa_lit.tasks.transfer import CheckpointError, read_checkpoint

TASKS: dict[str, type[Task]] = {
    task.__name__: task
    for task in (
        MaskedPretraining,
        MultilabelClassification,
        SequenceClassification,
        SequenceMatching,
        SequenceRegression,
        TokenClassification,
        TokenReasoning,
    )
}

# Checkpoints did not always name their task. This hyper-parameter tells it, asked in this order.
_TOLD_BY: dict[str, type[Task]] = {
    "hidden": MaskedPretraining,
    "interaction": SequenceMatching,
    "group_values": TokenReasoning,
    "pooling": SequenceClassification,
}


def load(path: str | Path, *, trust: bool = False) -> Task:
    """The trained model of a checkpoint, on the CPU and in evaluation mode; `str(model.expects)` says what it takes.

        model = load("checkpoints/lego-ada")
        logits = model({"tokens": tokens, "mask": mask})  # (batch, length) int64 and bool

    Args:
        path: A checkpoint, or the directory of a run, of which `checkpoints/best.ckpt` is taken.
        trust: Whether a task, space, attention or wavelet of another package may be imported, which runs its code.

    Raises:
        CheckpointError: If there is no such file, it cannot be read, or its task is not known.
        ValueError: If it names a class of another package that has not been imported, and `trust` is False.
    """
    file = checkpoint_file(path)
    return (
        task_of(read_checkpoint(file, mmap=True), file, trust)
        .load_from_checkpoint(file, map_location="cpu", weights_only=True, trust=trust)
        .eval()
    )


def checkpoint_file(path: str | Path) -> Path:
    """The checkpoint that a path names: itself, or the best one of a run; CheckpointError if there is none."""
    file = Path(path)
    if file.is_dir():
        file = file / "checkpoints" / "best.ckpt"
    if not file.is_file():
        raise CheckpointError(f"{file}: no such file; give a checkpoint, or the directory of a run")
    return file


def task_of(checkpoint: dict[str, Any], file: Path, trust: bool) -> type[Task]:
    """The class of a checkpoint's task.

    Raises:
        CheckpointError: If nothing tells it.
        ValueError: See `load`.
    """
    if name := checkpoint.get("task"):
        with imports(trust):
            return find_class("task", name, TASKS, Task)
    parameters = checkpoint.get("hyper_parameters", {})
    for name, task in _TOLD_BY.items():
        if name in parameters:
            return task
    raise CheckpointError(f"{file}: does not say of which task it is; use its class's load_from_checkpoint")
