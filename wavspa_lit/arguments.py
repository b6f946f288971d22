"""What the command line takes beside Lightning's own options."""

from jsonargparse import ActionYesNo
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser

from wavspa_lit.callbacks import LastCheckpoint
from wavspa_lit.training import BEST, LAST

# What the data knows and the model needs. Links to arguments that the chosen task lacks are skipped.
LINKS = ("vocab_size", "num_classes", "max_length", "trained_length", "group_name", "group_values", "trained_groups")


def add_arguments(parser: LightningArgumentParser) -> None:
    """Adds the run directory, the two checkpoints, and the links from data to model."""
    parser.add_argument(
        "--run", type=str | None, default=None, help="Run directory; default: runs/{data}/{model}, numbered."
    )
    parser.add_argument("--resume", action="store_true", help="fit: go on from last.ckpt of the run.")
    parser.add_argument("--init_from", type=str | None, default=None, help="fit: checkpoint to take weights from.")
    # A checkpoint's config may have switched these on, so that they can be switched off, too.
    for name, text in (
        ("compile", "Compile the encoder's blocks with torch.compile."),
        ("cuda_graphs", "Compile, and launch each block as a CUDA graph; one shape only."),
    ):
        parser.add_argument(f"--{name}", action=ActionYesNo(no_prefix="no_"), default=False, help=text)
    parser.add_argument("--inputs", type=str | None, default=None, help="predict: .tsv, .jsonl, or folder of images.")
    parser.add_argument("--output", type=str | None, default=None, help="predict: .csv or .parquet to write.")
    parser.add_argument(
        "--length", type=int | None, default=None, help="describe: tokens; default: the longest trained."
    )
    parser.add_argument("--trust", action="store_true", help="Let the config beside a checkpoint import anything.")
    parser.add_lightning_class_args(ModelCheckpoint, "best_checkpoint")
    parser.add_lightning_class_args(LastCheckpoint, "last_checkpoint")
    # Lightning's summary says that a model does nothing, in floating point operations; `Results` says what there is.
    parser.set_defaults({"trainer.enable_model_summary": False})
    for name, values in (("best_checkpoint", BEST), ("last_checkpoint", LAST)):
        parser.set_defaults({f"{name}.{key}": value for key, value in values.items()})
    for name in LINKS:
        parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")
