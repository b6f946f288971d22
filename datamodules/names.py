"""Names that readers, loaders and data modules share; importing them imports neither PyTorch nor Lightning."""

from typing import Literal

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
Padding = Literal["batch", "bucket", "max"]
Target = Literal["class", "multilabel", "regression", "token"]
IGNORED = -100
"""Label of what is not scored."""
