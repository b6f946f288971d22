"""Real trainings by the command itself: speed, first step, memory, how busy the GPU is.

python benchmarks/real_training.py                                      on a GPU, data prepared: about 45 minutes
python benchmarks/real_training.py --tasks lego --models wavspa-1 peer --steps 5000
python benchmarks/real_training.py --tasks text --kernels 20       and the kernels of 20 more steps of each row
python benchmarks/real_training.py --tasks listops --steps 20 --warmup 5 -- --data.num_train 1000 --data.num_val 64 \\
    --data.num_test 64 --data.max_length 200 --data.min_length 50 --model.encoder.layers 2       on a laptop

Every row is two runs of `wavspa fit` with the task's config. The first finds the compilers' caches empty; it gives the
cold first step and, after a warm-up, all the rest. The second finds them full, and ends after its first step. Rows of a
task are measured with the same batches, because warm-up and measurement are counted in steps.

The peer is `torch.nn.TransformerEncoderLayer` with a padding mask instead of our blocks, in the same training. Valid
tokens are those that are not padding. The GPU works for the share of time that NVML reports ("utilization"), the mean
over the measured time. First steps count from the start of the process to the end of the first training step; "later"
is the slowest step of the warm-up after that, in which a new length is compiled or recorded; stderr says which.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning import Callback, LightningModule, Trainer
from step_kernels import StepKernels, table
from torch import Tensor, nn

from wavspa_lit.spaces import Space
from wavspa_lit.tasks import SequenceClassification, TokenReasoning

TASKS = ("listops", "text", "image", "lego")
MODELS = {
    "wavspa-1": ("WavSpA, level 1", ["--model.encoder.wavelet.level", "1"]),
    "wavspa-3": ("WavSpA, level 3", ["--model.encoder.wavelet.level", "3"]),
    "lift-1": ("LiftWavSpA, level 1", ["-c", "model/lift", "--model.encoder.wavelet.level", "1"]),
    "transformer": ("Transformer", ["-c", "model/transformer"]),
    "peer": ("torch.nn.TransformerEncoderLayer", ["-c", "model/transformer"]),
    "peer-eager": ("the same, eager", ["-c", "model/transformer", "--speed", "eager"]),
}
FOLDER = Path(__file__).resolve().parent


class Meter(Callback):
    """Measures a training and ends it; the numbers go to a JSON file.

    Args:
        output: The file.
        warmup: Steps after the first one that are not measured.
        steps: Steps that are measured; with 0 the training ends after its first step.
        kernels: Steps after that whose kernels are profiled.
    """

    def __init__(self, output: str, warmup: int, steps: int, kernels: int) -> None:
        self.output, self.warmup, self.wanted, self.kernels = Path(output), warmup, steps, kernels
        self.profile: StepKernels | None = None
        self.marks: dict[str, float] = {}
        self.tokens: Tensor | int = 0
        self.steps = self.sequences = self.warm = 0
        self.slowest = (0.0, 0, 0)  # seconds, step, length
        self.previous = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Notes when model and data exist."""
        self.mark("built")

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes when the data are ready."""
        self.mark("ready")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Notes when the sanity check is over."""
        self.mark("checked")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: dict[str, Tensor], batch_idx: int
    ) -> None:
        """Counts; waits for the GPU only where a time is taken."""
        now = time.time()
        if "first step" not in self.marks:
            self.previous = self.mark("first step")
        elif self.profile:
            self.profile.count(valid_tokens(batch))
        elif "start" not in self.marks:
            self.warm += 1
            self.slowest = max(self.slowest, (now - self.previous, self.warm + 1, inputs_of(batch).shape[1]))
            self.previous = now
        else:
            self.tokens += valid_tokens(batch)
            self.steps, self.sequences = self.steps + 1, self.sequences + len(batch["labels"])
            if self.steps == self.wanted:
                self.mark("end")
        if "start" not in self.marks and self.warm == self.warmup:
            self.mark("start")
        if "end" not in self.marks and self.wanted:
            return
        if self.kernels and not self.profile:
            self.profile = StepKernels()
        elif not self.profile or self.profile.steps == self.kernels:
            times = self.profile.take() if self.profile else None
            memory = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else float("nan")
            counts = {"steps": self.steps, "sequences": self.sequences, "tokens": int(self.tokens)}
            numbers = {"marks": self.marks, "slowest": self.slowest, "memory": memory, "kernels": times, **counts}
            self.output.write_text(json.dumps(numbers))
            trainer.should_stop = True

    def mark(self, name: str) -> float:
        """The time at which the GPU has done what was asked of it."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.marks[name] = time.time()
        return self.marks[name]


def valid_tokens(batch: dict[str, Tensor]) -> Tensor | int:
    """Tokens of a batch that are not padding."""
    inputs = inputs_of(batch)
    return batch["mask"].sum() if "mask" in batch else inputs.shape[0] * inputs.shape[1]


def inputs_of(batch: dict[str, Tensor]) -> Tensor:
    """What the encoder reads of a batch: (batch, length), or (batch, length, channels)."""
    return next(batch[name] for name in ("tokens", "features") if name in batch)


class PeerBlock(nn.Module):
    """`torch.nn.TransformerEncoderLayer`, called as our blocks are."""

    def __init__(self, space: Space, dim: int, heads: int, mlp_dim: int, dropout: float) -> None:
        super().__init__()
        self.space = space  # for the page that describes the model
        options: dict[str, Any] = {"activation": "gelu", "batch_first": True, "norm_first": True}
        self.layer = nn.TransformerEncoderLayer(dim, heads, mlp_dim, dropout, **options)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `Block.forward`."""
        return self.layer(x, src_key_padding_mask=None if mask is None else ~mask)


def use_peer(task: SequenceClassification | TokenReasoning) -> None:
    """Puts PyTorch's layers in the place of ours."""
    config = task.encoder_config
    sizes = (config.dim, config.attention.heads, config.mlp_dim, config.dropout)
    task.encoder.blocks = nn.ModuleList(PeerBlock(block.space, *sizes) for block in task.encoder.blocks)


class PeerClassification(SequenceClassification):
    """Sequence classification by PyTorch's layers."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        use_peer(self)


class PeerReasoning(TokenReasoning):
    """Reasoning by PyTorch's layers."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        use_peer(self)


class Utilization(threading.Thread):
    """Asks nvidia-smi four times a second for the share of the time in which the GPU works."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.samples: list[tuple[float, float]] = []
        command = [
            "nvidia-smi",
            "--query-gpu=utilization.gpu",
            "--format=csv,noheader,nounits",
            "-i",
            "0",
            "-lms",
            "250",
        ]
        there = shutil.which("nvidia-smi")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True) if there else None

    def run(self) -> None:
        """Reads until the process ends."""
        for line in self.process.stdout if self.process and self.process.stdout else ():
            if line.strip().isdigit():
                self.samples.append((time.time(), float(line)))

    def stop(self) -> None:
        """Ends the process."""
        if self.process:
            self.process.terminate()

    def between(self, start: float, end: float) -> float:
        """The mean in per cent, nan without samples."""
        values = [value for moment, value in self.samples if start < moment <= end]
        return statistics.mean(values) if values else float("nan")


def fit(
    task: str, model: str, folder: Path, warmup: int, steps: int, flags: list[str], kernels: int = 0
) -> dict[str, Any]:
    """One training, whose caches of compiled code lie in the folder; its numbers, times counted from its start."""
    output = folder / "numbers.json"
    output.unlink(missing_ok=True)
    options = {"output": str(output), "warmup": warmup, "steps": steps, "kernels": kernels}
    trainer: dict[str, Any] = {"callbacks": [{"class_path": "real_training.Meter", "init_args": options}]}
    # No validation but the check at the start.
    trainer |= {"max_steps": 10**7, "max_epochs": -1, "val_check_interval": 10**9, "check_val_every_n_epoch": None}
    overlay: dict[str, Any] = {"trainer": trainer}
    if model.startswith("peer"):
        kind = "PeerReasoning" if task == "lego" else "PeerClassification"
        overlay["model"] = {"class_path": f"real_training.{kind}"}
    config = folder / "meter.yaml"
    config.write_text(yaml.safe_dump(overlay))
    caches = {"TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"), "TRITON_CACHE_DIR": str(folder / "triton")}
    path = os.pathsep.join(filter(None, (str(FOLDER.parent), str(FOLDER), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "wavspa_lit", "fit", "-c", task, *MODELS[model][1], "-c", str(config)]
    command += ["--run", str(folder / f"run{time.time():.0f}"), *flags]
    utilization = Utilization()
    utilization.start()
    start = time.time()
    done = subprocess.run(command, env={**os.environ, **caches, "PYTHONPATH": path}, capture_output=True, text=True)
    utilization.stop()
    if not output.is_file():
        raise RuntimeError((done.stderr or done.stdout).strip()[-2000:])
    numbers: dict[str, Any] = json.loads(output.read_text())
    marks = numbers["marks"]
    if "end" in marks:
        numbers["busy"] = utilization.between(marks["start"] + 1, marks["end"])
    numbers["marks"] = {name: moment - start for name, moment in marks.items()}
    numbers["said"] = next((line for line in (done.stdout + done.stderr).splitlines() if "--speed" in line), "")
    return numbers


def row(task: str, model: str, arguments: argparse.Namespace) -> tuple[str, dict[str, float] | None]:
    """A line of the table, and a step's kernels if they were asked for; details go to stderr."""
    with tempfile.TemporaryDirectory() as folder:
        where = (task, model, Path(folder))
        try:
            cold = fit(*where, arguments.warmup, arguments.steps, arguments.flags, arguments.kernels)
            warm = fit(*where, 0, 0, arguments.flags)
        except RuntimeError as error:
            print(f"{task}, {model}: {error}", file=sys.stderr)
            return f"| {task} | {MODELS[model][0]} | failed | | | | | | | |", None
    for name, numbers in (("cold", cold), ("warm", warm)):
        moments = ", ".join(f"{mark} {moment:.1f} s" for mark, moment in numbers["marks"].items())
        print(f"{task}, {model}, {name}: {moments}; {numbers['said']}", file=sys.stderr, flush=True)
    print("slowest step after the first: {:.1f} s, step {}, length {}".format(*cold["slowest"]), file=sys.stderr)
    taken = cold["marks"]["end"] - cold["marks"]["start"]
    cells = [task, MODELS[model][0], f"{cold['tokens'] / taken / 1e6:.3f}", f"{cold['sequences'] / taken:,.0f}"]
    cells += [f"{cold['steps'] / taken:.2f}", f"{cold['busy']:.0f} %", f"{cold['marks']['first step']:.1f}"]
    cells += [f"{warm['marks']['first step']:.1f}", f"{cold['slowest'][0]:.1f}", f"{cold['memory']:,.0f}"]
    return f"| {' | '.join(cells)} |", cold["kernels"]


def main() -> None:
    """Prints the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=TASKS, help="configs")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--steps", type=int, default=5000, help="measured")
    parser.add_argument("--warmup", type=int, default=1000, help="steps before that, after the first one")
    parser.add_argument("--kernels", type=int, default=0, metavar="STEPS", help="profile the kernels of that many more")
    parser.add_argument("flags", nargs="*", help="after --: more flags of wavspa fit")
    arguments = parser.parse_args()
    if arguments.steps < 1 or arguments.warmup < 0:
        parser.error(f"--steps must be at least 1, and --warmup 0; got {arguments.steps} and {arguments.warmup}")
    if arguments.kernels and not torch.cuda.is_available():
        parser.error("--kernels: there is no GPU; leave it away")
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    print(f"{name}, torch {torch.__version__}; {arguments.steps} steps each; {' '.join(arguments.flags)}\n")
    print(
        "| task | model | valid tokens/s, M | sequences/s | steps/s | GPU works | first step, cold, s | warm, s | ",
        end="",
    )
    print("later, s | peak MiB |\n|---|---|" + "--:|" * 8, flush=True)
    kernels = {}
    for task in arguments.tasks:
        for model in arguments.models:
            line, times = row(task, model, arguments)
            print(line, flush=True)
            if times is not None:
                kernels[f"{task}, {MODELS[model][0]}"] = times
    if kernels:
        print(f"\n{table(kernels)}")


if __name__ == "__main__":
    main()
