"""Which rows train, validate and test: a column says it, or rows are held out."""

from collections.abc import Mapping

import numpy

from datamodules.names import Split


def hold_out(
    candidates: numpy.ndarray, fractions: Mapping[Split, float], strata: numpy.ndarray | None, seed: int
) -> dict[Split, numpy.ndarray]:
    """Holds examples out at random, the same share of every class.

    Each held-out part has its fraction of the examples, rounded, but one at least. One example of each class at least
    stays for training, because a class that is not trained on cannot be recognised.

    Args:
        candidates: (examples,) indices.
        fractions: The share of the examples that each part gets; parts that are not named get none.
        strata: (examples,) classes; None: they do not matter.
        seed: Seed of the choice.

    Returns:
        Sorted indices of the parts, and of the rest as `train`.
    """
    order = numpy.random.default_rng([seed, 1]).permutation(len(candidates))
    keep = numpy.zeros(len(order), bool)
    if strata is not None:
        order = order[numpy.argsort(strata[order], kind="stable")]
        sorted_strata = strata[order]
        keep = numpy.concatenate(([True], sorted_strata[1:] != sorted_strata[:-1]))
    free = order[~keep]
    parts: dict[Split, numpy.ndarray] = {}
    for split, fraction in fractions.items():
        wanted = min(len(free), max(1, round(fraction * len(candidates))))
        # Every n-th of the examples in the order of their classes: each class gives its share, up to one example.
        chosen = numpy.unique((numpy.arange(wanted) + 0.5) * len(free) / max(1, wanted)).astype(numpy.int64)
        parts[split] = numpy.sort(candidates[free[chosen]])
        free = numpy.delete(free, chosen)
    parts["train"] = numpy.sort(candidates[numpy.concatenate((order[keep], free))])
    return parts
