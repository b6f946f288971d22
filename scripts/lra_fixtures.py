"""Writes a tiny Long Range Arena in the formats of its distributions.

    python scripts/lra_fixtures.py DEST

The contents are made up. Tests read them, and break them.
"""

import pickle
import sys
from pathlib import Path

import numpy
import PIL.Image

SPLITS = ("train", "val", "test")


def listops(folder: Path) -> None:
    """basic_{train,val,test}.tsv with a header, and the parentheses of the release."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        rows = ["( ( ( [MAX 4 ) 3 ) ] )\t4", "( ( ( ( [SM 9 ) 9 ) 1 ) ] )\t9"]
        (folder / f"basic_{split}.tsv").write_text("\n".join(["Source\tTarget", *rows, ""]))


def imdb(folder: Path, count: int = 10) -> None:
    """{train,test}/{neg,pos}/<number>_<rating>.txt, with line breaks, tabs and bytes that are not ASCII."""
    for part in ("train", "test"):
        for sentiment, rating in (("neg", 2), ("pos", 9)):
            (folder / part / sentiment).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                text = f"{part} {sentiment} {number}<br /><br />caf\u00e9\tand \u201cquotes\u201d {'long ' * number}"
                (folder / part / sentiment / f"{number}_{rating}.txt").write_bytes(text.encode())


def cifar10(folder: Path, count: int = 20, binary: bool = False) -> None:
    """data_batch_1 to 5 and test_batch, as pickles or as records."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = numpy.random.default_rng(0)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        labels = numpy.arange(count) % 10
        pixels = generator.integers(256, size=(count, 3072), dtype=numpy.uint8)
        if binary:
            records = numpy.concatenate((labels[:, None].astype(numpy.uint8), pixels), axis=1)
            (folder / f"{name}.bin").write_bytes(records.tobytes())
        else:
            batch = {b"batch_label": name.encode(), b"labels": labels.tolist(), b"data": pixels}
            (folder / name).write_bytes(pickle.dumps(batch, protocol=2))


def aan(folder: Path, count: int = 6) -> None:
    """new_aan_pairs.{train,eval,test}.tsv: five columns, no header, quotes and stringified bytes as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "eval", "test"):
        rows = []
        for number in range(count):
            first = f"b'{split} paper {number}\\n it\\'s \"quoted\"'"
            second = f'"{split} other {number} {"words " * number}'
            rows.append(f"{number % 2}.0\tP{number:02d}\tQ{number:02d}\t{first}\t{second}\n")
        (folder / f"new_aan_pairs.{split}.tsv").write_text("".join(rows))


def pathfinder(folder: Path, resolution: int = 32, batches: int = 12, each: int = 2, text: bool = True) -> None:
    """imgs/<batch>/sample_<number>.png and metadata/<batch>.npy, which is text in the release."""
    (folder / "metadata").mkdir(parents=True, exist_ok=True)
    for batch in range(batches):
        (folder / "imgs" / str(batch)).mkdir(parents=True, exist_ok=True)
        rows = []
        for number in range(each):
            pixels = numpy.full((resolution, resolution), 10 * batch + number, numpy.uint8)
            PIL.Image.fromarray(pixels).save(folder / "imgs" / str(batch) / f"sample_{number}.png")
            label = (batch + number) % 2
            rows.append([f"imgs/{batch}", f"sample_{number}.png", number, label, 1.0, 14, 4, 2, 0.5, 1, 2])
        if text:
            lines = (" ".join(map(str, row)) for row in rows)
            (folder / "metadata" / f"{batch}.npy").write_text("\n".join(lines) + "\n")
        else:
            numpy.save(
                folder / "metadata" / f"{batch}.npy", numpy.array([[str(value) for value in row] for row in rows])
            )


def write(root: Path) -> None:
    """All of them, as the release and the original sources lie side by side."""
    release = root / "lra_release" / "lra_release"
    listops(release / "listops-1000")
    aan(release / "tsv_data")
    pathfinder(release / "pathfinder32" / "curv_contour_length_14")
    imdb(root / "aclImdb")
    cifar10(root / "cifar-10-batches-py")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(Path(sys.argv[1]))
