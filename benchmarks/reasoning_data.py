"""Training sequences per second that the reasoning datamodules give: python benchmarks/reasoning_data.py [workers].

SCAN reads made-up files of its length split's sizes. ListOps is timed twice: drawing expressions into the cache, by as
many processes as there are cores, and reading them.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy

from datamodules import SequenceDataModule
from datamodules.reasoning import (
    CHOMSKY_TASKS,
    Addition,
    ChomskyHierarchy,
    Copy,
    Lego,
    ListOpsLength,
    ModularArithmetic,
    Parity,
    Reverse,
    Scan,
    Sort,
)
from datamodules.reasoning.scan import ACTIONS, COMMANDS, FILES

COUNT = 64_000


def write_scan(folder: Path) -> None:
    """Lines of SCAN's form and sizes, without its meaning: 1 to 22 actions to train on, 24 to 48 to test on."""
    generator = numpy.random.default_rng(0)
    for name, count, low, high in ((FILES[0], 16_990, 1, 22), (FILES[1], 3_920, 24, 48)):
        lines = []
        for _ in range(count):
            words = generator.choice(COMMANDS, generator.integers(1, 10))
            actions = generator.choice(ACTIONS, generator.integers(low, high + 1))
            lines.append(f"IN: {' '.join(words)} OUT: {' '.join(actions)}\n")
        (folder / name).write_text("".join(lines))


def report(name: str, count: int, start: float) -> None:
    print(f"{name:30} {count / (time.perf_counter() - start):10,.0f} sequences/s", flush=True)


def main(folder: str) -> None:
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    common = {"num_train": COUNT, "num_workers": workers}
    modules: dict[str, SequenceDataModule] = {name: ChomskyHierarchy(name, **common) for name in CHOMSKY_TASKS}
    modules |= {c.__name__: c(**common) for c in (Copy, Reverse, Sort, Addition, Parity, ModularArithmetic)}
    modules |= {f"Lego {n} {g}": Lego(n, 6, g, True, **common) for n in (12, 26) for g in ("z2", "s3")}
    write_scan(Path(folder))
    modules["Scan"] = Scan(folder, num_workers=workers)
    listops = modules["ListOpsLength"] = ListOpsLength((100,), num_val=1, num_test=1, root=folder, **common)
    start = time.perf_counter()
    listops.prepare_data()
    report("ListOpsLength, drawing", COUNT, start)
    for data in modules.values():
        data.dataset("train")
    for name, data in modules.items():
        start = time.perf_counter()
        report(name, sum(len(batch["tokens"]) for batch in data.train_dataloader()), start)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(temporary)
