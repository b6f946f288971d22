"""Speed of data-parallel training on 1, 2, ... devices of one host, and whether all of them give the same numbers.

    python benchmarks/scaling.py --devices 1 2 --strategies ddp fsdp           on GPUs: text, bfloat16, compiled
    python benchmarks/scaling.py --devices 1 2 --strategies ddp -- --trainer.accelerator cpu --trainer.precision 32 \
        --data.max_length 256 --model.encoder.dim 32 --model.encoder.layers 1   on a laptop, to try it

Every row is a `wavspa fit` of its own on stand-in data, padded to one length, so that all steps cost the same. Weak
scaling keeps the batch of a device, strong scaling that of all devices together. Sequences per second are the median of
the logged `speed/sequences_per_second` after the first third of the steps; efficiency is that speed over the number of
devices times the speed of one device, which is measured once. Flags after `--` go to all trainings.

The second table trains on every number of devices, tests the checkpoint on that number and on one (with a test set that
no number of devices divides), and resumes the training on each other number.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from wavspa_lit.reporting.events import Events
from wavspa_lit.reporting.runs import read_results

CONFIGS = Path(__file__).parent.parent / "configs"
LOGGED = 5
QUIET = ["--trainer.enable_progress_bar=false"]
SPEED = [
    *("--data.source=generate", "--data.padding=max", f"--trainer.log_every_n_steps={LOGGED}"),
    *("--trainer.limit_val_batches=0", "--trainer.num_sanity_val_steps=0"),
]
SMALL = {"num_train": 1024, "num_val": 101, "num_test": 101, "min_length": 20, "max_length": 100}


def wavspa(*arguments: str) -> None:
    """Runs a command; RuntimeError with the end of what it printed if it fails."""
    done = subprocess.run([sys.executable, "-m", "wavspa_lit", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: status {done.returncode}\n{done.stderr[-3000:]}")


def placed(devices: int, strategy: str) -> list[str]:
    """Flags for that many devices."""
    return [f"--trainer.devices={devices}", f"--trainer.strategy={strategy if devices > 1 else 'auto'}"]


def speed(run: Path, steps: int) -> float:
    """Median of the logged sequences per second."""
    points = Events(run).curve("speed/sequences_per_second")
    return statistics.median(value for step, value in points if step > steps // 3)


def scaling(root: Path, arguments: argparse.Namespace, extra: list[str]) -> None:
    print("| batch | strategy | devices | sequences/s | efficiency |\n|---|---|--:|--:|--:|")

    def measure(strategy: str, devices: int, batch: int) -> float:
        run = root / f"{strategy}-{batch}-{devices}"
        limits = [f"--trainer.max_steps={arguments.steps}", f"--data.batch_size={batch}"]
        config = ["fit", "-c", str(CONFIGS / f"{arguments.task}.yaml"), "--run", str(run), *QUIET, *SPEED]
        wavspa(*config, f"--data.root={arguments.root or root / 'data'}", *limits, *placed(devices, strategy), *extra)
        return speed(run, arguments.steps)

    one = measure("auto", 1, arguments.batch)
    print(f"| {arguments.batch} | - | 1 | {one:.1f} | 100.0% |", flush=True)
    for strategy in arguments.strategies:
        for kind in arguments.kinds:
            for devices in (n for n in arguments.devices if n > 1):
                batch = arguments.batch if kind == "weak" else arguments.batch // devices
                value = measure(strategy, devices, batch)
                each = f"{batch} a device ({kind})"
                print(f"| {each} | {strategy} | {devices} | {value:.1f} | {value / devices / one:.1%} |", flush=True)


def without(flags: list[str], start: str) -> list[str]:
    """Drops options that begin so, with their values."""
    kept, drop = [], False
    for flag in flags:
        if flag.startswith("--"):
            drop = flag.startswith(start)
        if not drop:
            kept.append(flag)
    return kept


def tested(checkpoint: Path, *flags: str) -> tuple[float, float]:
    """Loss and accuracy of a checkpoint."""
    wavspa("test", "--ckpt_path", str(checkpoint), *QUIET, *flags)
    results = read_results(checkpoint.parent.parent)["test"]
    return results["test/loss"], results["test/acc"]


def agreement(root: Path, arguments: argparse.Namespace, extra: list[str]) -> None:
    print(
        "\n| strategy | trained on | loss, accuracy tested there | tested on one | resumed on |\n|---|--:|---|---|---|"
    )
    small = [f"--data.{name}={value}" for name, value in SMALL.items()]
    small.append(f"--data.root={arguments.root or root / 'data'}")
    for strategy in arguments.strategies:
        for devices in arguments.trained or arguments.devices:
            run = root / f"same-{strategy}-{devices}"
            config = ["-c", str(CONFIGS / "listops.yaml"), *small, *QUIET]
            fit = ["fit", *config, "--run", str(run), *extra]
            wavspa(*fit, "--trainer.max_steps=8", "--trainer.val_check_interval=8", *placed(devices, strategy))
            last = run / "checkpoints" / "last.ckpt"
            alone = tested(last, *placed(1, "ddp"), *extra)
            there = tested(last, *placed(devices, "ddp"), *extra) if devices > 1 else alone
            resumed = []
            for step, others in enumerate((n for n in arguments.devices if n != devices), start=9):
                where = placed(others, strategy)
                wavspa(*fit, "--resume", f"--trainer.max_steps={step}", "--trainer.val_check_interval=1", *where)
                resumed.append(str(others))
            cells = [f"{loss:.6f}, {accuracy:.6f}" for loss, accuracy in (there, alone)]
            print(f"| {strategy} | {devices} | {cells[0]} | {cells[1]} | {', '.join(resumed)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--strategies", nargs="+", default=["ddp"], choices=["ddp", "fsdp"])
    parser.add_argument("--task", default="text", choices=["text", "image", "listops"], help="whose config to train")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=32, help="of one device; strong scaling divides it")
    parser.add_argument("--kinds", nargs="+", default=["weak", "strong"], choices=["weak", "strong"])
    parser.add_argument("--tables", nargs="+", default=["speed", "agreement"], choices=["speed", "agreement"])
    parser.add_argument("--trained", type=int, nargs="+", help="second table: devices to train on; default: all")
    parser.add_argument("--root", type=Path, help="data.root, if it is to be kept")
    own = sys.argv[1:]
    split = own.index("--") if "--" in own else len(own)
    arguments, extra = parser.parse_args(own[:split]), own[split + 1 :]
    if "--trainer.accelerator" not in extra:
        extra = ["--trainer.precision=bf16-mixed", *extra]
    with tempfile.TemporaryDirectory() as folder:
        compiled = [] if "--trainer.accelerator" in extra else ["--speed", "compile"]
        if "speed" in arguments.tables:
            scaling(Path(folder), arguments, [*compiled, *extra])
        if "agreement" in arguments.tables:
            agreement(Path(folder), arguments, without(extra, "--data."))


if __name__ == "__main__":
    main()
