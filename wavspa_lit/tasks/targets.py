"""Which task is for which data, and the error that names it."""

from typing import Literal

Target = Literal["class", "multilabel", "regression", "token"]

WORDS: dict[Target, str] = {
    "class": "one class",
    "multilabel": "any number of classes at once",
    "regression": "numbers",
    "token": "a class at each position",
}
"""What a label is, by the data's `target`."""

RIGHT: dict[tuple[Target, bool], str] = {
    ("class", False): "SequenceClassification",
    ("class", True): "SequenceMatching",
    ("multilabel", False): "MultilabelClassification",
    ("regression", False): "SequenceRegression",
    ("token", False): "TokenClassification",
}
"""The task for data with that target, of pairs of sequences or not."""


def check_target(
    task: str, wanted: Target, target: Target | None, paired: bool | None, *, of_pairs: bool = False
) -> None:
    """Refuses data of another sort than the task is for.

    Args:
        task: Name of the task.
        wanted: The target that it is for.
        target: That of the data; None: not known.
        paired: Whether the data are pairs of sequences; None: not known.
        of_pairs: Whether the task is for pairs.

    Raises:
        ValueError: If they are of another sort; names the task that is for them.
    """
    if target in (None, wanted) and paired in (None, of_pairs):
        return
    found, two = target or wanted, of_pairs if paired is None else paired
    right = RIGHT.get((found, two))
    what = f"the label of {'a pair of sequences' if two else 'a sequence'} is {WORDS[found]} in these data"
    remedy = f"use --model {right}" if right else "there is no task for that; use one sequence for each label"
    groups = " (TokenReasoning where answers come in groups, as those of LEGO)" if found == "token" else ""
    raise ValueError(f"{task} is not for them, because {what}: {remedy}{groups}")
