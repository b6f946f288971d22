"""What the command line takes beside Lightning's own options."""

import itertools
from collections.abc import Sequence
from dataclasses import fields

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser

from datamodules.base import Facts
from wavspa_lit.callbacks import LastCheckpoint
from wavspa_lit.flags import HelpAll
from wavspa_lit.speed import Speed
from wavspa_lit.training import BEST, LAST

EXAMPLES = {
    "predict": """example: what a trained model says of reviews of one's own; see docs/data.md for the formats

  printf 'text\\na moving film\\na waste of time\\n' > reviews.tsv
  wavspa predict --ckpt_path runs/text/adaptive/checkpoints/best.ckpt --inputs reviews.tsv --output answers.csv
""",
}
"""What the help of a command ends with."""

DEMAND_FOLDER = ("CSVLogger", "TensorBoardLogger")
"""Loggers of Lightning's whose `save_dir` has no default."""


def add_arguments(parser: LightningArgumentParser) -> None:
    """Adds the run directory, the two checkpoints, and the links from data to model."""
    parser.add_argument(
        "--run", type=str | None, default=None, help="Run directory; default: runs/{data}/{model}, numbered."
    )
    parser.add_argument("--resume", action="store_true", help="fit: go on from last.ckpt of the run.")
    parser.add_argument("--init_from", type=str | None, default=None, help="fit: checkpoint to take weights from.")
    parser.add_argument(
        "--speed",
        type=Speed,
        default="auto",
        help="eager: as Python runs it; compile: blocks through torch.compile; graphs: compiled, and launched as CUDA "
        "graphs, for batches of few lengths; auto: the fastest that the settings allow on a GPU, eager on a CPU.",
    )
    parser.add_argument(
        "--inputs",
        type=str | None,
        default=None,
        help="predict: .csv, .tsv, .jsonl, .txt, .png, or folder; with Files whatever it trains on.",
    )
    parser.add_argument("--output", type=str | None, default=None, help="predict: .csv or .parquet to write.")
    parser.add_argument(
        "--length", type=int | None, default=None, help="describe: tokens; default: the longest trained."
    )
    parser.add_argument("--other_data", action="store_true", help="Take data that are not those of the checkpoint.")
    parser.add_argument("--trust", action="store_true", help="Let the config beside a checkpoint import anything.")
    parser.add_argument("--help_all", action=HelpAll, help="Every flag of Lightning's, at length.")
    parser.add_lightning_class_args(ModelCheckpoint, "best_checkpoint")
    parser.add_lightning_class_args(LastCheckpoint, "last_checkpoint")
    # Lightning's summary says that a model does nothing, in floating point operations; `Results` says what there is.
    parser.set_defaults({"trainer.enable_model_summary": False})
    for name, values in (("best_checkpoint", BEST), ("last_checkpoint", LAST)):
        parser.set_defaults({f"{name}.{key}": value for key, value in values.items()})
    for name in (field.name for field in fields(Facts)):
        # A link to an argument that the chosen task lacks is skipped.
        parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")


def configs_first(arguments: Sequence[str]) -> list[str]:
    """The command, its configs in their order, and the other options: a flag wins wherever it stands."""
    configs: list[str] = list(arguments[:1])
    others: list[str] = []
    rest = iter(arguments[1:])
    for argument in rest:
        if argument in ("-c", "--config"):
            configs += [argument, *itertools.islice(rest, 1)]
        else:
            (configs if argument.startswith("--config=") else others).append(argument)
    return configs + others


def loggers_below(arguments: Sequence[str]) -> list[str]:
    """The arguments, in which a logger that demands a folder has the run directory, unless it is given another."""
    result: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        flag, equals, value = argument.partition("=")
        result.append(argument)
        if flag != "--trainer.logger":
            continue
        if not equals:
            result += itertools.islice(rest, 1)
            value = result[-1]
        if value.rpartition(".")[2] in DEMAND_FOLDER and option([*arguments], f"{flag}.save_dir") is None:
            result += [f"{flag}.save_dir", "."]
    return result


def option(arguments: list[str], name: str) -> str | None:
    """The value of an option, given as `--name value` or `--name=value`."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument == name:
            return following
        if argument.startswith(f"{name}="):
            return argument.split("=", 1)[1]
    return None
