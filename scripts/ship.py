"""Makes a small folder of a trained run, to be kept in checkpoints/: `python scripts/ship.py RUN FOLDER "what it is"`.

The folder is a run directory like any other: `wavspa test --ckpt_path FOLDER/checkpoints/best.ckpt`, `predict` and
`fit --init_from` take it. Weights are stored as bfloat16, and it is the stored file that is tested. Left out are the
state of the optimiser and of the training's loops, so it cannot be resumed. `predictions.pt` holds 32 examples of the
test and the logits of the stored file, computed on a CPU, so that anybody can see whether theirs are the same.
"""

import argparse
import datetime
import json
import shutil
from pathlib import Path

import numpy
import torch
import yaml

from datamodules.base import SequenceDataModule
from wavspa_lit import load
from wavspa_lit.cli import run as wavspa
from wavspa_lit.reporting.runs import evaluations_of
from wavspa_lit.reporting.table import render, rows

KEPT = ("state_dict", "hyper_parameters", "task", "class_names", "pytorch-lightning_version", "epoch", "global_step")
EXAMPLES = 32

CARD = """# {name}

{purpose}

{table}

Trained from [config.yaml](config.yaml), seed {seed}, {date}; tested with torch {torch}: [results.json](results.json).
The weights are stored as bfloat16; the test is that of the stored file.

```sh
wavspa test --ckpt_path {checkpoint}
wavspa fit -c {config} --init_from {checkpoint} --run runs/{name}-more
```
"""


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("purpose", help="first paragraph of the card")
    parser.add_argument("--checkpoint", default="best.ckpt", help="which of the run's")
    arguments, flags = parser.parse_known_args()
    run, folder = arguments.run, arguments.folder
    checkpoint = folder / "checkpoints" / "best.ckpt"
    checkpoint.parent.mkdir(parents=True)
    file = run / "results.json"
    trained = json.loads(file.read_text()).get("fit", {}) if file.is_file() else {}  # nothing if it was cut off
    shutil.copy(run / "config.yaml", folder)
    source = run / "checkpoints" / arguments.checkpoint
    whole = torch.load(source, map_location="cpu", weights_only=True)
    whole["state_dict"] = {name: _stored(value) for name, value in whole["state_dict"].items()}
    torch.save({key: whole[key] for key in KEPT if key in whole}, checkpoint)

    tested = wavspa(["test", "--ckpt_path", str(checkpoint), "--trainer.logger", "false", *flags])
    results = json.loads((evaluations_of(folder) / "results.json").read_text())
    test = {**results["test"], "checkpoint": "checkpoints/best.ckpt"}  # in the folder, wherever that is copied to
    kept = {"fit": trained, "test": test} if trained else {"test": test}
    (folder / "results.json").write_text(json.dumps(kept, indent=2))
    torch.save(predictions(folder, tested.datamodule), folder / "predictions.pt")
    card = CARD.format(
        name=folder.name,
        purpose=arguments.purpose,
        table=render(rows([folder])),
        seed=yaml.safe_load((run / "config.yaml").read_text())["seed_everything"],
        date=datetime.date.fromtimestamp(source.stat().st_mtime),
        torch=torch.__version__,
        checkpoint=checkpoint,
        config=folder / "config.yaml",
    )
    (folder / "README.md").write_text(card)
    print(f"{folder}: {sum(file.stat().st_size for file in folder.rglob('*') if file.is_file()) / 1e6:.2f} MB")


def _stored(value: torch.Tensor) -> torch.Tensor:
    return value.bfloat16() if value.is_floating_point() else value


def predictions(folder: Path, data: SequenceDataModule) -> dict[str, torch.Tensor]:
    """Examples from all over the test, small integers as such, and `logits`."""
    dataset = data.dataset("test")
    batch = dataset.batch(numpy.linspace(0, len(dataset) - 1, EXAMPLES).astype(int))
    with torch.inference_mode():
        logits = load(folder)(batch)
    small = {name: _small(value) for name, value in batch.items() if isinstance(value, torch.Tensor)}
    return {**small, "logits": logits.clone()}


def _small(value: torch.Tensor) -> torch.Tensor:
    if value.dtype != torch.int64:
        return value
    kind = torch.uint8 if value.min() >= 0 and value.max() < 256 else torch.int16
    return value.to(kind)


if __name__ == "__main__":
    main()
