"""Makes a small folder of a tested run, to be kept in checkpoints/: `python scripts/ship.py RUN FOLDER "what it is"`.

The folder is a run directory like any other: `wavspa test --ckpt_path FOLDER/checkpoints/best.ckpt`, `predict` and
`fit --init_from` take it. Left out are the state of the optimiser and of the training's loops, so it cannot be resumed.
"""

import argparse
import datetime
import shutil
from pathlib import Path

import torch
import yaml

from wavspa_lit.reporting.runs import read_tested
from wavspa_lit.reporting.table import render, rows

KEPT = ("state_dict", "hyper_parameters", "pytorch-lightning_version", "epoch", "global_step")

CARD = """# {name}

{purpose}

{table}

Trained from [config.yaml](config.yaml), seed {seed}, {date}, torch {torch}; metrics: [results.json](results.json).

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
    arguments = parser.parse_args()
    run, folder = arguments.run, arguments.folder
    read_tested(run)  # or an error that says how to test it
    table = render(rows([run]))
    source = run / "checkpoints" / "best.ckpt"
    checkpoint = folder / "checkpoints" / "best.ckpt"
    checkpoint.parent.mkdir(parents=True)
    whole = torch.load(source, map_location="cpu", weights_only=True)
    torch.save({key: whole[key] for key in KEPT}, checkpoint)
    for name in ("config.yaml", "results.json"):
        shutil.copy(run / name, folder / name)
    card = CARD.format(
        name=folder.name,
        purpose=arguments.purpose,
        table=table,
        seed=yaml.safe_load((run / "config.yaml").read_text())["seed_everything"],
        date=datetime.date.fromtimestamp(source.stat().st_mtime),
        torch=torch.__version__,
        checkpoint=checkpoint,
        config=folder / "config.yaml",
    )
    (folder / "README.md").write_text(card)
    print(f"{folder}: {checkpoint.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
