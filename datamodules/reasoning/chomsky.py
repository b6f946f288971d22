"""The Chomsky-hierarchy benchmark: fifteen tasks and their protocol."""

from typing import Any

from datamodules.reasoning import context_free, context_sensitive, regular
from datamodules.reasoning.length import LengthGeneralization
from datamodules.reasoning.task import LengthTask, find_name

REGULAR: tuple[type[LengthTask], ...] = (
    regular.EvenPairs,
    regular.ModularArithmeticExpression,
    regular.ParityCheck,
    regular.CycleNavigation,
)
CONTEXT_FREE: tuple[type[LengthTask], ...] = (
    context_free.StackManipulation,
    context_free.ReverseString,
    context_free.ModularArithmeticBrackets,
    context_free.SolveEquation,
)
CONTEXT_SENSITIVE: tuple[type[LengthTask], ...] = (
    context_sensitive.DuplicateString,
    context_sensitive.MissingDuplicate,
    context_sensitive.OddsFirst,
    context_sensitive.BinaryAddition,
    context_sensitive.BinaryMultiplication,
    context_sensitive.ComputeSqrt,
    context_sensitive.BucketSort,
)
CHOMSKY_TASKS = {task.name: task for task in (*REGULAR, *CONTEXT_FREE, *CONTEXT_SENSITIVE)}
"""The tasks by name."""


class ChomskyHierarchy(LengthGeneralization):
    """A task of the Chomsky-hierarchy benchmark (Delétang et al., arXiv 2207.02098), with its protocol as default.

    The published score is `datamodules.reasoning.score` of the accuracies by length, with test_stride 1.

    Args:
        task: even_pairs, modular_arithmetic, parity_check, cycle_navigation (regular); stack_manipulation,
            reverse_string, modular_arithmetic_brackets, solve_equation (deterministic context-free); duplicate_string,
            missing_duplicate_string, odds_first, binary_addition, binary_multiplication, compute_sqrt, bucket_sort
            (context-sensitive).
        options: See `LengthGeneralization`.

    Raises:
        ValueError: If there is no such task.
    """

    def __init__(self, task: str = "even_pairs", **options: Any) -> None:
        super().__init__(CHOMSKY_TASKS[find_name(task, CHOMSKY_TASKS, "data.task")](), **options)
