"""What looking inside costs: the share of a training's time that its pictures, curves and texts take.

    python benchmarks/monitor.py [-c demo -c model/ada --trainer.max_steps 1500]

Every call of the callbacks that show something is timed within one training, so that nothing has to be compared with
another training, whose time would differ by more. CPU time is that of all threads of the process.
"""

import functools
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from wavspa_lit.callbacks import ConfusionPicture, ExtrapolationCurve, FrontPage, WaveletMonitor
from wavspa_lit.cli import run

DEMO = ["-c", "demo", "-c", "model/ada", "--trainer.max_steps", "1500"]
CLOCKS = {"wall": time.perf_counter, "CPU": time.process_time}


class Timer:
    """Adds up the time of the calls of a function by name, and that of the whole training."""

    def __init__(self) -> None:
        self.spent: dict[str, dict[str, float]] = {}

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            began = {clock: read() for clock, read in CLOCKS.items()}
            result = function(*args, **kwargs)
            spent = self.spent.setdefault(name, dict.fromkeys(CLOCKS, 0.0))
            for clock, read in CLOCKS.items():
                spent[clock] += read() - began[clock]
            return result

        return call


def main(arguments: list[str]) -> None:
    """Trains, and prints a line for each callback and for all."""
    from lightning import Trainer

    timer = Timer()
    for kind in (FrontPage, WaveletMonitor, ExtrapolationCurve, ConfusionPicture):
        for name, function in list(vars(kind).items()):
            if name.startswith("on_"):
                setattr(kind, name, timer.timed(kind.__name__, function))
    Trainer.fit = timer.timed("training", Trainer.fit)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        run(["fit", *(arguments or DEMO), "--run", f"{folder}/run", "--trainer.enable_progress_bar", "false"])
    whole = timer.spent.pop("training")
    timer.spent["all"] = {clock: sum(each[clock] for each in timer.spent.values()) for clock in CLOCKS}
    for name, spent in timer.spent.items():
        shares = [f"{clock} {spent[clock]:.2f} s, {100 * spent[clock] / whole[clock]:.2f} %" for clock in CLOCKS]
        print(f"{name:20} {'; '.join(shares)}")
    print(f"{'training':20} " + ", ".join(f"{clock} {whole[clock]:.1f} s" for clock in CLOCKS))


if __name__ == "__main__":
    main(sys.argv[1:])
