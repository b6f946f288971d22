"""The console script `wavspa`; `python -m wavspa_lit` is the same. Help and errors come before heavy imports."""

import os
import select
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from wavspa_lit import __version__
from wavspa_lit.files import cannot_write, unwritable, writable

HELP = """usage: wavspa COMMAND [options]

Train and compare Wavelet Space Attention encoders on long sequences.

  wavspa fit -c CONFIG             train; continue with --resume
  wavspa test --ckpt_path FILE     test a checkpoint; its config lies beside it
  wavspa validate --ckpt_path FILE
  wavspa predict --ckpt_path FILE  predictions for the test split, or for files: --inputs FILE_OR_FOLDER
  wavspa export --ckpt_path FILE --output model.onnx
                                   a trained model that runs without this project; or model.pt2
  wavspa describe -c CONFIG        the model as a table: bands, parameters, operations, memory
  wavspa data info|prepare|verify TASK
  wavspa sweep FILE                many trainings from one file; --list prints their commands
  wavspa report RUN...             compare runs: a table, or one page with --output report.html
  wavspa list                      tasks, models, configs, and the checkpoints of runs

Every setting of a config is a flag: wavspa fit -c configs/lego.yaml --model.encoder.wavelet.kind orthogonal
All of them: wavspa fit --help. One class: wavspa fit --model.help SequenceClassification
"""
OTHERS = {
    "export": "wavspa_lit.export",
    "data": "datamodules.commands",
    "sweep": "wavspa_lit.sweep",
    "report": "wavspa_lit.reporting.report",
    "list": "wavspa_lit.reporting.listing",
}
"""Commands that are not Lightning's, and their modules, whose `run` takes arguments and may return an exit status."""
COMMANDS = ("fit", "validate", "test", "predict", "describe", *OTHERS)


def main() -> None:
    """Runs the command of `sys.argv`. It ends quietly when nobody reads its output any more, as with `| head`.

    What cannot be written, because a folder is read-only or a disk full, is an error of a line, and so is Ctrl-C.
    """
    _own_packages_first()
    try:
        try:
            _run(sys.argv[1:])
        finally:
            if sys.stdout is not None:  # as where a program is started with its output closed
                sys.stdout.flush()
    except BrokenPipeError:
        output = select.poll()
        output.register(sys.stdout.fileno(), 0)
        if not output.poll(0):
            raise  # another pipe, such as one to a worker
        # What is left would be written when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if not unwritable(error):
            raise
        sys.stderr.write(f"error: {cannot_write(error)}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


def _own_packages_first() -> None:
    """Lets no folder of the user's hide `datamodules`, which lies beside this package, or what is installed.

    `python -m`, torchrun and PYTHONPATH=. search the working directory first. Worker processes inherit the order.
    """
    home = os.path.realpath(Path(__file__).parent.parent)
    try:
        here = os.path.realpath(os.getcwd())
    except FileNotFoundError:
        sys.stderr.write("error: the working directory was removed; change to another\n")
        sys.exit(1)
    entries = {entry: os.path.realpath(entry) for entry in sys.path}
    # Unlike a Path, os.path says no where a folder must not be looked into.
    behind = [
        entry
        for entry, folder in entries.items()
        if folder != home
        and (folder == here or os.path.isdir(f"{folder}/datamodules") or os.path.isfile(f"{folder}/datamodules.py"))
    ]
    sys.path[:] = [entry for entry in sys.path if entry not in behind]
    if home not in entries.values():
        sys.path.append(home)
    sys.path += behind


def _run(arguments: Sequence[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP, end="")
    elif arguments[0] == "--version":
        print(f"wavspa {__version__}")
    elif module := OTHERS.get(arguments[0]):
        if status := import_module(module).run(arguments[1:]):
            sys.exit(status)
    elif arguments[0] not in COMMANDS:
        from wavspa_lit.choices import nearest

        hint = nearest(arguments[0], COMMANDS)
        sys.stderr.write(f"error: unknown command {arguments[0]!r}; {hint} Known: {', '.join(COMMANDS)}\n")
        sys.exit(2)
    else:
        _find_place_for_compiled_code()
        if sweep := os.environ.pop("WAVSPA_SWEEP", None):  # no process that this one starts is of the sweep
            _end_with(int(sweep))
        from wavspa_lit.cli import main as run_cli

        run_cli()


def _end_with(parent: int) -> None:
    """Saves and ends, as on SIGTERM, when the parent has ended, because a killed sweep cannot tell its trainings."""
    import signal
    import threading
    import time

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="end_with_sweep", daemon=True).start()


def _find_place_for_compiled_code() -> None:
    """Keeps compiled code in the user's cache, because the compiler's own folder in /tmp is often emptied between jobs.

    If that of TORCHINDUCTOR_CACHE_DIR cannot be written, it is a temporary folder; the compiler would fail at import.
    """
    folder = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    if not folder:
        caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        home = os.path.join(caches, "wavspa_lit", "compiled")
        if os.path.isabs(home) and writable(home):
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = home
        return
    if writable(folder):
        return
    import atexit
    import shutil
    import tempfile

    place = os.environ["TORCHINDUCTOR_CACHE_DIR"] = tempfile.mkdtemp(prefix="torchinductor_")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    sys.stderr.write(
        f"warning: TORCHINDUCTOR_CACHE_DIR {folder} cannot be written; compiled code lies in {place}, for this run\n"
    )


if __name__ == "__main__":
    main()
