"""`wavspa data info|prepare|verify files`: what is in a user's own files, and what training on them takes."""

from collections import Counter
from collections.abc import Iterator

import numpy

from datamodules.errors import DataError
from datamodules.files.data import FilesData
from datamodules.files.reading import about_of
from datamodules.files.schema import UNKNOWN
from datamodules.loader import IGNORED
from datamodules.names import SPLITS

BINS, BAR, SHOWN = 10, 40, 20
SAMPLE = 2000
"""Examples that are read to see how many of their tokens are unknown."""


def info(data: FilesData, *, dim: int = 64, layers: int = 2, mlp_dim: int = 128) -> int:
    """Prints what the files hold, and an estimate of the memory that training takes.

    Args:
        data: The data module.
        dim: Of the model that the estimate is for, `model.encoder.dim`; the defaults are those of configs/files.yaml.
        layers: Likewise.
        mlp_dim: Likewise.
    """
    store = data.store
    about = about_of(store.packed_of("train"))
    for split in SPLITS:
        lengths, path = _lengths(data, split), store.path_of(split)
        print(
            f"{split:>5}: {len(lengths)} examples of {path}, lengths {lengths.min()} to {lengths.max()}, "
            f"mean {lengths.mean():.1f}"
        )
    if about["skipped"]:
        print(f"{about['skipped']} rows with an empty sequence are passed over")
    print("lengths of the training sequences:")
    print("\n".join(histogram(_lengths(data, "train"))))
    print("\n".join(_inputs(data)))
    print("\n".join(_labels(data)))
    print(_cut(data))
    print(estimate(data, dim, layers, mlp_dim))
    print(f"`wavspa describe -c files --data.train {store.path_of('train')}` counts what one sequence takes exactly")
    return 0


def verify(data: FilesData) -> int:
    """Builds every batch of every split; prints a line for each."""
    for split in SPLITS:
        dataset, valid = data.dataset(split), 0
        for start in range(0, len(dataset), 256):
            batch = dataset.batch(numpy.arange(start, min(start + 256, len(dataset))))
            inputs = batch["features"] if "features" in batch else batch["tokens"]
            if not inputs.isfinite().all() or (data.vocab_size and inputs.max() >= data.vocab_size):
                raise DataError(f"{data.store.path_of(split)}, {split}, examples from {start} on: unusable numbers")
            valid += int(batch["mask"].sum()) if "mask" in batch else inputs[..., 0].numel()
        print(f"{split:>5}: {len(dataset)} examples")
    print("files: all examples are sound")
    return 0


def histogram(lengths: numpy.ndarray) -> list[str]:
    """A line for each range of lengths, with a bar."""
    low, width = int(lengths.min()), -(-int(lengths.max() - lengths.min() + 1) // BINS)
    counts = numpy.bincount((lengths - low) // width)
    lines = []
    for number, count in enumerate(counts):
        first = low + number * width
        bar = "#" * -(-BAR * int(count) // int(counts.max()))
        lines.append(f"  {first:>7} to {first + width - 1:>7}  {count:>9}  {bar}".rstrip())
    return lines


def estimate(data: FilesData, dim: int, layers: int, mlp_dim: int) -> str:
    """The memory of a training step in words, with its formula.

    12 dim + 3 mlp_dim numbers are kept for the backward pass at each position of a block in the wavelet space; that is
    what `training_cost` counts for softmax attention, which keeps no table of scores.
    """
    length, batch = data.max_length, data.batch_size * data.settings.ways
    activations = 4 * batch * length * layers * (12 * dim + 3 * mlp_dim)
    embedding = (data.vocab_size or data.channels or 1) * dim
    weights = embedding + layers * (8 * dim * dim + 2 * dim * mlp_dim) + dim * mlp_dim + mlp_dim * data.num_classes
    whole = (activations + 16 * weights) / 2**20
    return (
        f"memory of training, at most about {whole:,.0f} MiB beside PyTorch itself (float32, encoder dim {dim}, layers "
        f"{layers}, mlp_dim {mlp_dim}):\n"
        f"  activations  4 bytes x {batch} sequences x {length} positions x {layers} layers x (12 x {dim} + 3 x "
        f"{mlp_dim}) = {activations / 2**20:,.0f} MiB\n"
        f"  weights      16 bytes (weight, gradient, two moments) x {weights:,} = {16 * weights / 2**20:,.1f} MiB"
    )


def _lengths(data: FilesData, split: str) -> numpy.ndarray:
    """Lengths before they are cut off."""
    return data.whole(split).full_lengths()[data.store.chosen(split)]  # type: ignore[arg-type]


def _inputs(data: FilesData) -> Iterator[str]:
    schema = data.schema
    if schema.encoding == "numbers":
        missing = about_of(data.store.packed_of("train"))["missing"]
        text = f"series of {schema.channels} channels, normalised by {schema.normalise}"
        yield text + (f"; {missing} values are missing and become the mean" if missing else "")
        for number, (mean, sd) in enumerate(zip(schema.mean or (), schema.sd or (), strict=True)):
            if number < SHOWN:
                yield f"  channel {number}: mean {mean:.4g}, standard deviation {sd:.4g}"
        return
    what = {"bytes": "padding and 256 bytes", "tokenizer": "padding and the tokenizer's"}
    said = what.get(schema.encoding, "padding, unknown, and those below")
    yield f"encoding {schema.encoding}: {data.vocab_size} token ids ({said})"
    if schema.vocabulary is None:
        return
    first = schema.vocabulary[:SHOWN]
    shown = [chr(value) for value in first] if schema.encoding == "characters" else first
    yield f"  {len(schema.vocabulary)} {schema.encoding}, such as {' '.join(map(repr, shown))}"
    for split in ("val", "test"):
        dataset = data.dataset(split)  # type: ignore[arg-type]
        chosen = numpy.arange(min(SAMPLE, len(dataset)))
        tokens = [dataset.batch(chosen[start : start + 64])["tokens"] for start in range(0, len(chosen), 64)]
        unknown = sum(int((each == UNKNOWN).sum()) for each in tokens)
        valid = sum(int((each != 0).sum()) for each in tokens)
        yield f"  {unknown / valid:.2%} of the {split} tokens are unknown (of {len(chosen)} examples)"


def _labels(data: FilesData) -> Iterator[str]:
    schema = data.schema
    if not data.settings.label:
        yield "no labels"
        return
    if schema.target == "regression":
        labels = numpy.concatenate([each.numpy() for each in data.training_labels()])
        for name, column in zip(schema.classes, labels.T, strict=True):
            yield f"target {name}: mean {column.mean():.4g}, standard deviation {column.std():.4g} in training"
        return
    counts: Counter[int] = Counter()
    for each in data.training_labels():
        flat = each.sum(0) if schema.target == "multilabel" else each[each != IGNORED].flatten().bincount()
        counts.update({number: int(count) for number, count in enumerate(flat.tolist())})
    yield f"target {schema.target}: {len(schema.classes)} classes; how often each occurs in training:"
    for number, name in enumerate(schema.classes[:SHOWN]):
        yield f"  {number:>4}  {name}: {counts[number]}"
    if len(schema.classes) > SHOWN:
        yield f"  and {len(schema.classes) - SHOWN} more"


def _cut(data: FilesData) -> str:
    limit, lines = data.max_length, []
    for split in SPLITS:
        lengths = _lengths(data, split)
        longer = lengths > limit
        if longer.any():
            lost = (lengths[longer] - limit).sum() / lengths.sum()
            lines.append(f"{longer.sum()} of {len(lengths)} {split} sequences ({lost:.1%} of their positions)")
    if not lines:
        return f"nothing is cut off: no sequence is longer than {limit}"
    return f"cut off after {limit} positions (--max_length): {', '.join(lines)}"
