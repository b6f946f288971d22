"""Training sequences per second that the reasoning datamodules give: python benchmarks/reasoning_data.py [workers]."""

import sys
import time

from datamodules.reasoning import (
    CHOMSKY_TASKS,
    Addition,
    ChomskyHierarchy,
    Copy,
    Lego,
    ModularArithmetic,
    Parity,
    Reverse,
    Sort,
)

COUNT = 64_000


def main() -> None:
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    common = {"num_train": COUNT, "num_workers": workers}
    modules = {name: ChomskyHierarchy(name, **common) for name in CHOMSKY_TASKS}
    modules |= {c.__name__: c(**common) for c in (Copy, Reverse, Sort, Addition, Parity, ModularArithmetic)}
    modules |= {f"Lego {n} {g}": Lego(n, 6, g, True, **common) for n in (12, 26) for g in ("z2", "s3")}
    for name, data in modules.items():
        start = time.perf_counter()
        drawn = sum(len(batch["tokens"]) for batch in data.train_dataloader())
        print(f"{name:30} {drawn / (time.perf_counter() - start):10,.0f} sequences/s")


if __name__ == "__main__":
    main()
