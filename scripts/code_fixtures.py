"""Writes small files in the published formats of Devign, CodeXGLUE's clone detection and D2A: made up, for tests.

python scripts/code_fixtures.py FOLDER

The folder then has the layout that configs/devign.yaml, configs/clones.yaml and configs/d2a.yaml expect below `data`.
"""

import csv
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

ROWS = 40


def functions(language: str, seed: int) -> Iterator[tuple[str, int]]:
    """Functions with quotes, commas, tabs and lines, and whether they copy without looking at the size."""
    generator = random.Random(seed)
    for number in range(ROWS):
        unsafe = number % 2
        size = generator.randint(8, 64)
        body = "strcpy(buffer, text);" if unsafe else f"if (length < {size})\n\t\tmemcpy(buffer, text, length);"
        kind = "static int" if language == "c" else "public static int"
        yield f'{kind} f{number}(char *text, int length)\n{{\n\t{body}\n\tlog("f{number}, \\"done\\"");\n}}', unsafe


def write_devign(folder: Path) -> None:
    """JSON lines: project, commit_id, target, func, idx."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, split in enumerate(("train", "valid", "test")):
        with (folder / f"{split}.jsonl").open("w") as file:
            for number, (text, label) in enumerate(functions("c", seed)):
                row = {"project": "FFmpeg", "commit_id": f"{number:040x}", "target": label, "func": text, "idx": number}
                file.write(json.dumps(row) + "\n")


def write_clones(folder: Path) -> None:
    """JSON lines with func and idx, and pairs of idx with a label, separated by tabs."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [str(13_000_000 + 7 * number) for number in range(ROWS)]
    with (folder / "data.jsonl").open("w") as file:
        for name, (text, _) in zip(names, functions("java", 0), strict=True):
            file.write(json.dumps({"func": text, "idx": name}) + "\n")
    generator = random.Random(1)
    for split in ("train", "valid", "test"):
        with (folder / f"{split}.txt").open("w") as file:
            for _ in range(ROWS):
                first, second = generator.sample(range(ROWS), 2)
                file.write(f"{names[first]}\t{names[second]}\t{int(first % 2 == second % 2)}\n")


def write_d2a(folder: Path) -> None:
    """CSV with id, label and code; the test file has no labels."""
    (folder / "function").mkdir(parents=True, exist_ok=True)
    for seed, split in enumerate(("train", "dev", "test")):
        with (folder / "function" / f"d2a_lbv1_function_{split}.csv").open("w", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["id", "code"] if split == "test" else ["id", "label", "code"])
            for number, (text, label) in enumerate(functions("c", seed)):
                table.writerow([number, text] if split == "test" else [number, label, text])


def main(folder: Path) -> None:
    """Writes all three below the folder."""
    write_devign(folder / "devign")
    write_clones(folder / "clones")
    write_d2a(folder / "d2a")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
