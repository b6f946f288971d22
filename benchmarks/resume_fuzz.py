"""Interrupts trainings at random places, continues them, and compares them bit by bit with undisturbed ones.

    python benchmarks/resume_fuzz.py --cases 100 --seed 0

Over workers 0 and 2, gradient accumulation 1 and 4, averaged weights on and off, one and two ranks; by SIGTERM, SIGINT,
an exception, or kill -9; at the start of a batch, after its backward pass, at its end, or in a validation. Compared are
parameters, averaged parameters, optimiser states, and every logged value.
"""

import argparse
import itertools
import random
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from interrupt import How, Setting, Where, differences, fit, interrupted

PLACES = [where for where in get_args(Where) if where != "sanity_check"]  # there is nothing to go on from yet
SETTINGS = [Setting(*values) for values in itertools.product((0, 2), (1, 4), (False, True), (1, 2))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time")
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        root = Path(folder)

        def undisturbed(number: int) -> None:
            done = fit(SETTINGS[number], root / f"whole{number}")
            assert done.returncode == 0, done.stderr

        list(pool.map(undisturbed, range(len(SETTINGS))))
        cases = []
        for number in range(arguments.cases):
            setting = draw.randrange(len(SETTINGS))
            how, where = draw.choice(get_args(How)), draw.choice(PLACES)
            batch = draw.choice(SETTINGS[setting].places(how, where))
            cases.append((number, setting, how, where, batch))

        def case(number: int, setting: int, how: How, where: Where, batch: int) -> list[str]:
            run = root / f"run{number}"
            wrong = interrupted(SETTINGS[setting], run, how, where, batch)
            found = [wrong] if wrong else differences(root / f"whole{setting}", run)
            for line in found[:3]:
                print(f"case {number}: {SETTINGS[setting]}, {how} at {where} of batch {batch}: {line}", flush=True)
            return found

        outcomes = list(pool.map(lambda values: case(*values), cases))
    print("\n| interruption | place | cases | mismatches |\n|---|---|--:|--:|")
    counts, wrong = Counter(), Counter()
    for (_, _, how, where, _), found in zip(cases, outcomes, strict=True):
        counts[how, where] += 1
        wrong[how, where] += bool(found)
    for how, where in sorted(counts):
        print(f"| {how} | {where} | {counts[how, where]} | {wrong[how, where]} |")
    print(f"| all | | {counts.total()} | {wrong.total()} |")
    return int(wrong.total() > 0)


if __name__ == "__main__":
    raise SystemExit(main())
