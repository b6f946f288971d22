"""What a run has written for TensorBoard: the names of curves and pictures there, and reading them."""

import re
from functools import cache
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator, ImageEvent

PLACES = {"train": 1, "val": 2, "test": 3, "wavelet": 4, "token": 4, "fourier": 4, "fnet": 4, "space": 4, "speed": 5}
"""Where the groups of names stand on TensorBoard's page; `val_by_length` stands after `val`."""


def tag_of(name: str) -> str:
    """The name of a curve or picture in TensorBoard, `1_train/loss` for `train/loss`.

    TensorBoard sorts groups by name, so that without numbers speed comes first and the validation near the end. A name
    of another group stays as it is, and comes after these.
    """
    group, _, rest = name.partition("/")
    place = PLACES.get(group.split("_")[0])
    return f"{place}_{name}" if place and rest else name


def name_of(tag: str) -> str:
    """The name that has this tag in TensorBoard. Runs of older versions, and of other loggers, have no numbers."""
    return re.sub(r"^\d_(?=[a-z_]+/)", "", tag)


class Events:
    """The curves and pictures of a run.

    Args:
        run: The directory with TensorBoard's files.
        pictures: How many pictures of each name are kept, the last one always; 0 for all.
    """

    def __init__(self, run: str | Path, pictures: int = 1) -> None:
        self.all = EventAccumulator(str(run), size_guidance={"scalars": 0, "images": pictures, "tensors": 0}).Reload()

    def names(self, kind: str = "scalars") -> list[str]:
        """The names of the curves (`scalars`) or pictures (`images`), in the order of the page."""
        return sorted({name_of(tag) for tag in self.all.Tags()[kind]}, key=tag_of)

    def curve(self, name: str) -> list[tuple[int, float]]:
        """Steps and values; of steps that were logged twice, as after a resume, the last."""
        return sorted({event.step: event.value for tag in self._tags(name) for event in self.all.Scalars(tag)}.items())

    def pictures(self, name: str) -> list[ImageEvent]:
        """The pictures of a name in the order in which they were made."""
        return sorted((each for tag in self._tags(name) for each in self.all.Images(tag)), key=lambda each: each.step)

    def _tags(self, name: str) -> list[str]:
        known = self.all.Tags()
        return [tag for tag in dict.fromkeys((name, tag_of(name))) if tag in known["scalars"] or tag in known["images"]]


@cache
def events_of(run: Path) -> Events | None:
    """What a run has written for TensorBoard; None if nothing."""
    return Events(run) if any(run.glob("events.out.tfevents.*")) else None
