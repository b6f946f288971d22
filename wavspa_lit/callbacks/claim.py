"""One training at a time in a run directory."""

import errno
import fcntl
import os
import time
from pathlib import Path

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from wavspa_lit.files import make_folder

PATIENCE = 5.0
"""Seconds to wait for another process, which may have been told to stop and be saving."""
_held: dict[Path, int] = {}
"""The folders that this process has claimed, so that a training that failed can be tried again in the same process."""


class Claim(Callback):
    """Keeps a second process from training in the same run directory, where each would overwrite the other's files.

    The system gives the claim back when the process ends, however it does. On file systems without locks there is none.

    Raises:
        MisconfigurationException: Before the training, if another process has the claim.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Claims the folder of the checkpoints."""
        folder = Path(trainer.default_root_dir) / "checkpoints"
        if stage != "fit" or not trainer.is_global_zero or trainer.fast_dev_run or folder in _held:  # type: ignore[attr-defined]
            return
        make_folder(folder)
        handle, until = os.open(folder, os.O_RDONLY), time.monotonic() + PATIENCE
        while not _lock(handle):
            if time.monotonic() > until:
                os.close(handle)
                where = os.path.relpath(folder.parent)
                raise MisconfigurationException(
                    f"{where} is being trained by another process; wait for it, or choose another run directory (--run)"
                )
            time.sleep(0.1)
        _held[folder] = handle

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Gives the claim back."""
        if handle := _held.pop(Path(trainer.default_root_dir) / "checkpoints", None):
            os.close(handle)


def _lock(handle: int) -> bool:
    """Takes the lock of a folder, if nobody else has it; where there are no locks, nobody has."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno != errno.EWOULDBLOCK
    return True
