"""`wavspa export`: a trained model as a file that runs without this project, a .pt2 of torch.export or an .onnx."""

import argparse
import copy
import json
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from wavspa_lit.errors import LengthError
from wavspa_lit.files import make_folder
from wavspa_lit.spaces.matrices import by_matrices
from wavspa_lit.tasks import SequenceMatching, Task, load
from wavspa_lit.tasks.loading import checkpoint_file
from wavspa_lit.tasks.transfer import CheckpointError, read_checkpoint
from wavspa_lit.wavelets import FilterBank
from wavspa_lit.wavelets.bank import FixedBank

Inputs = tuple[Tensor, Tensor]
TOLERANCE = 1e-4
"""The largest difference from the eager model that is let through, as a share of the largest output if that exceeds 1.

It is round-off: 1e-6 is usual, and a wrong formula gives more than 1e-2."""
NEEDED = ("onnx", "onnxscript", "onnxruntime")
"""Packages of the extra `onnx`."""


class ExportError(ValueError):
    """A model that cannot be exported; the message says why."""


class Served(nn.Module):
    """A task as a function of its inputs and their mask, with filters that no longer train.

    Args:
        task: The trained model, which stays as it is.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.input_name = task.input_name
        self.task = copy.deepcopy(task).cpu().eval()
        self.task.scores = nn.ModuleDict()
        for parameter in self.task.parameters():
            parameter.requires_grad_(False)
        for module in list(self.task.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, FilterBank):
                    # What filters follow from, such as the angles of a lattice, need not be computed at every call.
                    filters = child.filters()
                    setattr(module, name, FixedBank(filters, dtype=filters.dec_lo.dtype))

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """What the task answers to inputs of which `mask` is True for what is no padding."""
        return self.task({self.input_name: inputs, "mask": mask})


def export_model(
    task: Task,
    output: str | Path,
    *,
    length: int | None = None,
    batch: int | Literal["dynamic"] = 1,
    data: Mapping[str, Any] | None = None,
) -> tuple[str, float]:
    """Writes a model that takes inputs and their mask, and compares it with this one before the file is kept.

    Inputs are `tokens` (batch, length) int64, or float32 for scalars; `features` (batch, length, channels) float32;
    or with an axis of 2 after the batch for pairs. `mask` is bool, shaped like the inputs without channels, True for
    what is no padding. Shorter sequences are padded: that changes nothing, because padding is exact. The output is that
    of the task, such as logits (batch, classes).

    Args:
        task: The trained model.
        output: A .pt2 or .onnx file.
        length: Length of the inputs; None: the task's greatest.
        batch: Examples that are taken at once, or `dynamic`: any number.
        data: What a program has to know of the data, such as their vocabulary; plain data that travel in the file.

    Returns:
        The shapes in words, and the largest difference of an output from this model's, over random inputs of several
        lengths.

    Raises:
        ExportError: If packages are missing, the model cannot be exported, or the file differs from this model.
        LengthError: If the model cannot take that length.
    """
    path = Path(output)
    if path.suffix not in (".pt2", ".onnx"):
        raise ExportError(f"--output {output}: the name must end with .pt2 or .onnx")
    if missing := [name for name in NEEDED if path.suffix == ".onnx" and find_spec(name) is None]:
        raise ExportError(
            f"--output {output} needs {', '.join(missing)}; pip install {' '.join(missing)}, or give .pt2"
        )
    length = task.hparams["max_length"] if length is None else length
    if length < 1 or (batch != "dynamic" and batch < 1):
        raise ExportError(f"--length and --batch must be at least 1, got {length} and {batch}")
    served = Served(task)
    sizes = (1, 2, 5) if batch == "dynamic" else (batch, batch, batch)
    tried = [random_inputs(task, size, length, seed) for seed, size in enumerate(sizes)]
    eager = copy.deepcopy(task).cpu().eval()
    with torch.no_grad():
        expected = [eager({task.input_name: inputs, "mask": mask}) for inputs, mask in tried]
    make_folder(path.parent)
    partial = path.with_name(f".partial-{path.name}")
    try:
        with quiet():
            # Traced with two examples, because a batch of one would be taken for a constant.
            shapes = ({0: torch.export.Dim("batch", min=1)},) * 2 if batch == "dynamic" else None
            write(served, tried[1], shapes, partial, about(task, length, batch, data))
            found = list(answers(partial, task.input_name, tried))
        difference = compare(path, tried, expected, found)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    names = ["batch" if batch == "dynamic" else str(batch), *map(str, tried[0][0].shape[1:])]
    kind = str(tried[0][0].dtype).removeprefix("torch.")
    result = ", ".join([names[0], *map(str, expected[0].shape[1:])])
    return f"{task.input_name} ({', '.join(names)}) {kind} and mask, to ({result})", difference


def write(served: Served, example: Inputs, shapes: Any, path: Path, facts: str) -> None:
    """Exports to a file; ExportError in one line if PyTorch cannot."""
    of_onnx = path.suffix == ".onnx"
    try:
        # Runtimes of ONNX have no complex numbers.
        with torch.no_grad(), by_matrices() if of_onnx else nullcontext():
            program = torch.export.export(served, example, dynamic_shapes=shapes, strict=False)
            if not of_onnx:
                torch.export.save(program, path, extra_files={"wavspa.json": facts})
                return
            names = [served.input_name, "mask"]
            model = torch.onnx.export(program, (), input_names=names, output_names=["outputs"], verbose=False)
        assert model is not None
        model.model.metadata_props["wavspa"] = facts
        model.save(path)
    except Exception as error:  # there is no saying what exporters raise
        config = served.task.encoder_config
        what = f"space {config.space} with attention {config.attention.kind}"
        reason = " ".join((str(error.__cause__ or error).strip() or type(error).__name__).split())[:300]
        raise ExportError(f"{what} cannot be exported to {path.suffix}: {reason}") from error


def answers(path: Path, name: str, tried: Sequence[Inputs]) -> Iterator[Tensor]:
    """What the exported file answers, as a program would ask it that does not know this project."""
    if path.suffix == ".pt2":
        module = torch.export.load(path).module()
        with torch.no_grad():
            yield from (module(*inputs) for inputs in tried)
        return
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for inputs, mask in tried:
        yield torch.from_numpy(session.run(None, {name: inputs.numpy(), "mask": mask.numpy()})[0])


def compare(path: Path, tried: Sequence[Inputs], expected: Sequence[Tensor], found: Sequence[Tensor]) -> float:
    """The largest difference at valid positions; ExportError if it is more than round-off."""
    largest = scale = 0.0
    for (_, mask), right, other in zip(tried, expected, found, strict=True):
        if right.shape != other.shape:
            raise ExportError(
                f"{path} is not kept: its answers have shape {tuple(other.shape)}, not {tuple(right.shape)}"
            )
        valid = mask if right.dim() == 3 else torch.ones(len(right), dtype=torch.bool)
        distance = (right[valid] - other[valid]).abs().max().item()
        largest = distance if distance != distance else max(largest, distance)
        scale = max(scale, right[valid].abs().max().item())
    if not largest <= TOLERANCE * max(1.0, scale):
        raise ExportError(f"{path} is not kept: its answers differ from the model's by up to {largest:.2g}")
    return largest


def random_inputs(task: Task, batch: int, length: int, seed: int = 0) -> Inputs:
    """Inputs that the task takes, and their mask: full rows, rows of one entry and rows of lengths between."""
    draw = torch.Generator().manual_seed(seed)
    shape = (batch, 2, length) if isinstance(task, SequenceMatching) else (batch, length)
    size, channels = task.hparams["vocab_size"], task.hparams["channels"]
    if channels is not None:
        inputs = torch.randn(*shape, channels, generator=draw)
    else:
        inputs = torch.randint(1, max(size, 2), shape, generator=draw) if size else torch.rand(shape, generator=draw)
    lengths = torch.randint(1, length + 1, shape[:-1], generator=draw).flatten()
    lengths[seed % len(lengths)] = (length, max(1, length // 2), 1)[seed % 3]
    mask = torch.arange(length) < lengths.view(*shape[:-1], 1)
    return inputs.masked_fill(~mask if channels is None else ~mask[..., None], 0), mask


def about(task: Task, length: int, batch: int | str, data: Mapping[str, Any] | None) -> str:
    """What the file holds, as JSON, which travels in it."""
    facts = {"task": type(task).__name__, "expects": task.expects, "class_names": list(task.class_names)}
    return json.dumps({**facts, "length": length, "batch": batch, "data": data}, default=str)


def data_facts(checkpoint: Mapping[str, Any]) -> Any:
    """What a checkpoint of a training with `datamodules.Files` holds of vocabulary and classes; None for other data."""
    states = [state for state in checkpoint.values() if isinstance(state, dict)]
    return next((state["schema"] for state in states if "schema" in state), None)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the exporters' own remarks to themselves, which are about their insides."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)


def _batch(text: str) -> int | str:
    if text != "dynamic" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of examples; give one, or dynamic")
    return text if text == "dynamic" else int(text)


def run(arguments: Sequence[str]) -> None:
    """Exports the model of a checkpoint."""
    parser = argparse.ArgumentParser(
        prog="wavspa export",
        description="Write a trained model to a file that runs without this project. The file is compared with the "
        "model on random inputs, and kept if it answers the same.",
    )
    parser.add_argument("--ckpt_path", required=True, metavar="F", help="checkpoint, or the directory of a run")
    parser.add_argument("--output", required=True, metavar="FILE", help="model.pt2 (torch.export) or model.onnx")
    parser.add_argument("--length", type=int, metavar="N", help="length of the inputs; default: the longest trained")
    parser.add_argument("--batch", type=_batch, default=1, metavar="B", help="examples at once, or dynamic; default: 1")
    parser.add_argument("--trust", action="store_true", help="let the checkpoint import classes of other packages")
    options = parser.parse_args(arguments)
    try:
        file = checkpoint_file(options.ckpt_path)
        task, data = load(file, trust=options.trust), data_facts(read_checkpoint(file, mmap=True))
        shapes, difference = export_model(task, options.output, length=options.length, batch=options.batch, data=data)
    except (CheckpointError, ExportError, LengthError, ValueError) as error:
        parser.exit(2, f"error: {' '.join(str(error).split())}\n")
    except OSError as error:
        sys.exit(f"error: {error}")
    print(f"{options.output}: {type(task).__name__} from {shapes}; largest difference from the model {difference:.2g}")
