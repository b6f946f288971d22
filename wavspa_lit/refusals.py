"""What the command line refuses, before any work: tables of pure functions, each of which gives a line or nothing."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wavspa_lit.arguments import option
from wavspa_lit.reporting.runs import config_of, run_of
from wavspa_lit.reporting.settings import flatten
from wavspa_lit.speed import against_graphs
from wavspa_lit.tasks.transfer import CheckpointError, read_checkpoint

SMALLEST_HALF = 2.0**-24
"""The smallest positive float16; what is at most half of it rounds to zero."""
Refusal = Callable[[str, Any], str | None]
"""From the command and its config, as parsed, to a line that names the argument, its value and the remedy."""


def of_arguments(arguments: list[str]) -> str | None:
    """Arguments that exclude each other, or point at nothing; looked at before any config is read."""
    run, checkpoint, resume = option(arguments, "--run"), option(arguments, "--ckpt_path"), "--resume" in arguments
    if resume and checkpoint:
        return "--resume finds the checkpoint itself; leave out one of --resume and --ckpt_path"
    if checkpoint and Path(checkpoint).is_dir():
        return f"--ckpt_path {checkpoint} is a folder; give a file, such as RUN/checkpoints/best.ckpt"
    if (resume or checkpoint) and option(arguments, "--init_from"):
        return "--init_from starts a new training; leave it out, or --resume and --ckpt_path"
    if resume and run:
        checkpoint = last_of(run)
    if checkpoint and not Path(checkpoint).is_file():
        beside, said = Path(checkpoint).with_name("last.ckpt"), "a run keeps best.ckpt and last.ckpt"
        if resume:
            said = "nothing to resume; start without --resume"
        elif Path(checkpoint).name == "best.ckpt" and beside.is_file():
            said = f"there has been no validation yet, give {beside}"
        return f"--ckpt_path {checkpoint}: no such file; {said}"
    if any(option(arguments, name) for name in ("-c", "--config")):
        return None
    if resume and not checkpoint:
        return "--resume needs to know the run: give --run DIR, or the config with -c"
    if checkpoint and not config_of(checkpoint).is_file():
        return f"--ckpt_path {checkpoint}: no config.yaml in {run_of(checkpoint)}; give one with -c"
    return None


def last_of(run: str | Path) -> str:
    """The checkpoint from which a run goes on."""
    return str(Path(run) / "checkpoints" / "last.ckpt")


def misplaced(command: str, config: Any) -> str | None:
    """Options of other commands."""
    of = {"resume": "fit", "inputs": "predict", "output": "predict"}
    wrong = next((name for name in of if of[name] != command and config[name]), None)
    return f"--{wrong} applies to wavspa {of[wrong]} only, not to {command}; leave it out" if wrong else None


def run_is_a_file(command: str, config: Any) -> str | None:
    """A run directory that is a file, or lies below one."""
    run = Path(config.run or ".")
    file = next((str(path) for path in (run, *run.parents) if os.path.isfile(path)), None)
    where = f"lies below {file}, which is a file" if file and file != str(run) else "is a file"
    return f"--run {config.run} {where}; give a folder" if file else None


def output_is_read(command: str, config: Any) -> str | None:
    """Predictions in the place of what they are made from."""
    output = config.get("output")
    if not output or not Path(output).is_file():
        return None
    file, inputs = Path(output).resolve(), Path(config.inputs or os.devnull).resolve()
    texts = (value for value in flatten(config.data.as_dict()).values() if value and isinstance(value, str))
    if file not in (inputs, *(Path(text).resolve() for text in texts)) and file.parent != inputs:
        return None
    return f"--output {output} would overwrite data that are read; give another file"


def no_length(command: str, config: Any) -> str | None:
    """A length to describe below 1."""
    wrong = config.length is not None and config.length < 1
    return f"--length must be at least 1, got {config.length}" if wrong else None


def no_interval(command: str, config: Any) -> str | None:
    """Validations after every 0 steps."""
    if config.trainer.val_check_interval != 0:
        return None
    return "--trainer.val_check_interval 0: to leave validations out, give --trainer.limit_val_batches 0"


def no_batches(command: str, config: Any) -> str | None:
    """Trainings of no batch."""
    if command != "fit" or config.trainer.limit_train_batches != 0:
        return None
    return "--trainer.limit_train_batches 0: nothing would be trained; give more, or run wavspa validate"


def several_best(command: str, config: Any) -> str | None:
    """Several best checkpoints in one file."""
    options = config.get("best_checkpoint") or {}
    count, name = options.get("save_top_k", 1), options.get("filename") or ""
    if command != "fit" or count in (0, 1) or "{" in name:
        return None
    return (
        f"--best_checkpoint.save_top_k {count}: they would take each other's place in {name}.ckpt; "
        "add --best_checkpoint.filename 'best-{step}'"
    )


def graphs_ruled_out(command: str, config: Any) -> str | None:
    """CUDA graphs beside settings that rule them out."""
    clash = against_graphs(config) if config.speed == "graphs" else ""
    return f"--speed graphs {clash}" if clash else None


def null_eps(command: str, config: Any) -> str | None:
    """Adam's division by zero, where weights are float16 and its smallest divisor rounds to nothing."""
    eps = config.model.init_args.get("optimizer", {}).get("eps") if config.model else None
    if command != "fit" or config.trainer.precision != "16-true" or eps is None or eps > SMALLEST_HALF / 2:
        return None
    return (
        f"--trainer.precision 16-true: model.optimizer.eps {eps:g} is 0 in float16, so that the first step "
        "divides by zero: give --model.optimizer.eps 1e-4, or --trainer.precision bf16-true or 16-mixed"
    )


def nothing_to_take(command: str, config: Any) -> str | None:
    """Weights from a file that is not there."""
    wanted = config.init_from if command == "fit" and not config.get("ckpt_path") else None
    return f"--init_from {wanted}: no such file" if wanted and not Path(wanted).is_file() else None


def random_weights(command: str, config: Any) -> str | None:
    """Evaluations without a checkpoint."""
    if command == "fit" or config.get("ckpt_path"):
        return None
    return f"wavspa {command} needs --ckpt_path FILE, such as RUN/checkpoints/best.ckpt"


def unusable_checkpoint(command: str, config: Any) -> str | None:
    """Checkpoints that hold code, or too little; read here, because Lightning's FSDP would read whatever is in them."""
    checkpoint = config.get("ckpt_path")
    if not checkpoint:
        return None
    needed = {"pytorch-lightning_version"} | ({"optimizer_states"} if command == "fit" else set())
    try:
        if needed <= read_checkpoint(checkpoint, mmap=True).keys():
            return None
    except CheckpointError as error:
        return f"--ckpt_path {error}"
    return f"--ckpt_path {checkpoint} holds weights alone; wavspa fit --init_from takes them"


def run_of_another(command: str, config: Any) -> str | None:
    """A new training in the directory of an older one."""
    if config.get("ckpt_path") or not config.run or not any((Path(config.run) / "checkpoints").glob("*.ckpt")):
        return None
    return f"--run {config.run} holds a run already; choose another, or go on with --resume"


OF_OPTIONS: tuple[Refusal, ...] = (
    misplaced,
    run_is_a_file,
    output_is_read,
    no_length,
    no_interval,
    no_batches,
    several_best,
    graphs_ruled_out,
    null_eps,
)
"""Asked first: options by themselves."""
OF_FILES: tuple[Refusal, ...] = (nothing_to_take, random_weights)
"""Asked when the checkpoint of `--resume` is known."""
OF_RUNS: tuple[Refusal, ...] = (unusable_checkpoint, run_of_another)
"""Asked last, and not if the model is only described."""


def first(refusals: tuple[Refusal, ...], command: str, config: Any) -> str | None:
    """What the first of the functions that refuses says; None if all agree."""
    return next((line for refusal in refusals if (line := refusal(command, config))), None)
