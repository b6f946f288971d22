"""Small data of every sort: what a label is, features or tokens, pairs or not. Labels follow from the inputs."""

from typing import Literal

import numpy
import torch

from datamodules import SequenceDataModule
from datamodules.loader import BatchDataset

LENGTH, CLASSES, TOKENS = 12, 3, 7


class Labelled(SequenceDataModule):
    """Sequences of which the first half of the positions decides.

    Args:
        kind: What a label is.
        of_features: Whether the inputs are two numbers at each position; otherwise they are tokens.
        of_pairs: Whether the inputs are pairs.
        count: Examples of a split.
        scale: Numbers are multiplied by it, and lie around a hundred times it.
        targets: How many numbers a label has.
        **options: See `SequenceDataModule`.
    """

    def __init__(
        self,
        kind: Literal["class", "multilabel", "regression", "token"] = "class",
        of_features: bool = False,
        of_pairs: bool = False,
        count: int = 64,
        scale: float = 1.0,
        targets: int = 2,
        batch_size: int = 16,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        self.targets = targets
        self.kind, self.of_features, self.of_pairs, self.count, self.scale = kind, of_features, of_pairs, count, scale

    vocab_size = property(lambda self: 0 if self.of_features else TOKENS)
    num_classes = property(lambda self: self.targets if self.kind == "regression" else CLASSES)
    max_length = property(lambda self: LENGTH)
    channels = property(lambda self: 2 if self.of_features else None)
    target = property(lambda self: self.kind)
    paired = property(lambda self: self.of_pairs)
    class_names = property(
        lambda self: ("price", "age")[: self.targets] if self.kind == "regression" else ("a", "b, or c", "d")
    )

    def build_dataset(self, split):
        """See `SequenceDataModule.build_dataset`."""
        return Examples(self, {"train": 0, "val": 1, "test": 2}[split])


class Examples(BatchDataset):
    """A split."""

    def __init__(self, data: Labelled, split: int) -> None:
        generator = torch.Generator().manual_seed(1000 * data.seed + split)
        sides = (2,) if data.of_pairs else ()
        shape = (data.count, *sides, LENGTH)
        lengths = torch.randint(LENGTH // 2, LENGTH + 1, (data.count, *sides, 1), generator=generator)
        mask = torch.arange(LENGTH) < lengths
        if data.of_features:
            inputs = torch.randn(*shape, 2, generator=generator)
            signal = inputs[..., 0]
        else:
            inputs = torch.randint(1, TOKENS, shape, generator=generator)
            signal = (inputs - 3.5) / 2
        level = signal[..., : LENGTH // 2].mean(-1)
        level = level.flatten(1).sum(1) if data.of_pairs else level
        if data.kind == "token":
            labels = (signal > 0).long() + (signal > 1).long()
            labels = labels.masked_fill(~mask, -100)
        elif data.kind == "class":
            labels = (level > 0).long() + (level > 0.6).long()
        elif data.kind == "multilabel":
            labels = torch.stack((level > 0, level > 0.3, level < -0.3), 1).float()
        else:
            labels = torch.stack((100 + level, 50 - 3 * level), 1) * data.scale
            labels[::5, 1] = torch.nan
            labels = labels[:, : data.targets]
        mask = mask if data.of_features or data.kind != "class" else None
        self.tensors = {"features" if data.of_features else "tokens": inputs, "labels": labels}
        self.tensors |= {} if mask is None else {"mask": mask}

    def __len__(self) -> int:
        """See `BatchDataset`."""
        return len(self.tensors["labels"])

    def batch(self, indices: numpy.ndarray) -> dict[str, torch.Tensor]:
        """See `BatchDataset`."""
        return {name: tensor[torch.from_numpy(indices)] for name, tensor in self.tensors.items()}
