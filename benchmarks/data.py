"""Speed and memory of the Long Range Arena's data: building the caches, and reading batches from them.

    python benchmarks/data.py --root FOLDER        # aclImdb, cifar-10-batches-py, tsv_data below FOLDER

ListOps and Pathfinder are generated. Every task runs in a process of its own, whose peak resident memory (without
workers) is given; building starts from an empty cache. The other tasks are left out if their files are missing.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy

from datamodules import Image, ListOps, Pathfinder, Retrieval, Text
from datamodules.errors import MissingData
from datamodules.lra.base import ArenaDataModule

TASKS: dict[str, tuple[type[ArenaDataModule], dict[str, Any]]] = {
    "ListOps": (ListOps, {"source": "generate"}),
    "Text": (Text, {"source": "files"}),
    "Retrieval": (Retrieval, {"source": "files"}),
    "Image": (Image, {"source": "files"}),
    "Pathfinder": (Pathfinder, {"source": "generate", "num_images": 20_000}),
    "Path-X": (Pathfinder, {"source": "generate", "num_images": 1_000, "resolution": 128}),
    "Path-256": (Pathfinder, {"source": "generate", "num_images": 1_000, "resolution": 256}),
}
SECONDS = 10


def per_second(data: ArenaDataModule) -> float:
    """Training examples per second of whole epochs, up to some seconds, starting workers included."""
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        for batch in data.train_dataloader():
            count += len(batch["labels"])
    return count / (time.perf_counter() - start)


def measure(task: str, root: Path) -> str:
    """A row of the table."""
    kind, options = TASKS[task]
    with tempfile.TemporaryDirectory() as folder:
        for entry in root.iterdir() if root.is_dir() else ():
            if entry.name != "cache":
                (Path(folder) / entry.name).symlink_to(entry.resolve())
        data = kind(root=folder, **options)
        before = time.perf_counter()
        try:
            data.prepare_data()
        except MissingData:
            return ""
        built = time.perf_counter() - before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        count = sum(len(data.dataset(split)) for split in ("train", "val", "test"))
        speeds = [per_second(kind(root=folder, num_workers=workers, **options)) for workers in (0, 2)]
        lengths = data.dataset("train").example_lengths()
        length = numpy.mean(lengths) if lengths is not None else data.max_length
    cells = (task, f"{count:,}", f"{length:,.0f}", f"{built:.1f}", f"{count / built:,.0f}", f"{peak:.0f}")
    return " | ".join(("", *cells, *(f"{speed:,.0f}" for speed in speeds), "")).strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("data"))
    parser.add_argument("--task", choices=TASKS, help="this one only")
    arguments = parser.parse_args()
    if arguments.task:
        warnings.simplefilter("ignore")
        print(measure(arguments.task, arguments.root))
        return
    print(f"{os.cpu_count()} CPU cores, batches of 32, numbers of workers in the last two columns\n")
    print(
        "| task | examples | mean length | built in s | examples/s | peak MiB | examples/s, 0 | examples/s, 2 |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|"
    )
    for task in TASKS:
        command = [sys.executable, __file__, "--root", str(arguments.root), "--task", task]
        row = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
        print(row.strip() or f"| {task} | files missing |", flush=True)


if __name__ == "__main__":
    main()
