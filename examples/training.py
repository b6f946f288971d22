"""A whole training without the command line: run directory, best and last checkpoint, exact resume, curves, results.

Started again, it goes on where it stopped.
"""

import sys

from lightning import seed_everything

from datamodules import ChomskyHierarchy
from wavspa_lit import EncoderConfig, TokenReasoning, build_trainer, load


def main(run: str = "runs/example", steps: int = 500) -> float:
    """Trains, tests the best checkpoint, and returns its accuracy beyond the trained lengths."""
    seed_everything(0)
    data = ChomskyHierarchy(task="even_pairs", max_test_length=100, test_stride=20, batch_size=64)
    task = TokenReasoning.for_data(
        data.facts,
        encoder=EncoderConfig(
            dim=64,
            layers=2,
            mlp_dim=128,
            positions="randomized",
            wavelet={"kind": "adaptive", "name": "db4", "level": 1},
        ),
        optimizer={"lr": 2e-3, "warmup_steps": 100},
    )
    trainer = build_trainer(run, max_steps=steps, max_epochs=-1, val_check_interval=100, check_val_every_n_epoch=None)
    trainer.fit(task, data, ckpt_path="last", weights_only=True)
    results = trainer.test(task, data, ckpt_path="best", weights_only=True)
    print(load(run).expects)
    return results[0]["test/acc_extrapolated"]


if __name__ == "__main__":
    main(*sys.argv[1:])
