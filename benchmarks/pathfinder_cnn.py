"""Can Pathfinder be learned at all? A small residual network of convolutions on the images that our models get.

python benchmarks/pathfinder_cnn.py --difficulty graded --seconds 70       on a GPU; the images are generated if need be
"""

import argparse
import time
from collections.abc import Iterable
from itertools import chain, islice, repeat

import torch
from torch import Tensor, nn

from datamodules import Pathfinder
from datamodules.sources.pathfinder import DASHES

CHANNELS, PIXELS, BATCH = 64, 32, 256
SHOWN = 20
"""Batches of the validation that are looked at."""


class Residual(nn.Module):
    """Two convolutions of 3 x 3 pixels, the first of them dilated, around which the input goes."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        first = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=dilation, dilation=dilation)
        second = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.layers = nn.Sequential(
            nn.BatchNorm2d(CHANNELS), nn.ReLU(), first, nn.BatchNorm2d(CHANNELS), nn.ReLU(), second
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images (batch, channels, height, width) to the same shape."""
        return x + self.layers(x)


def network() -> nn.Module:
    """Logits (batch, 2) of images (batch, 1, height, width)."""
    body = [Residual(dilation) for dilation in (1, 1, 2, 2, 4, 4, 2, 1)]
    head = [nn.BatchNorm2d(CHANNELS), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * CHANNELS, 128)]
    return nn.Sequential(nn.Conv2d(1, CHANNELS, 3, padding=1), *body, *head, nn.ReLU(), nn.Linear(128, 2))


def read(batch: dict[str, Tensor], device: str) -> tuple[Tensor, Tensor]:
    """Images (batch, 1, height, width) from -1 to 1, and their labels."""
    images = (batch["tokens"].view(-1, 1, PIXELS, PIXELS) - 1).float() / 127.5 - 1
    return images.to(device), batch["labels"].to(device)


def accuracy(model: nn.Module, batches: Iterable[dict[str, Tensor]], device: str) -> float:
    """The share of right answers."""
    right = []
    model.eval()
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
        for batch in batches:
            images, labels = read(batch, device)
            right.append(model(images).argmax(1) == labels)
    model.train()
    return torch.cat(right).float().mean().item()


def main() -> None:
    """Prints loss and accuracy every ten seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--difficulty", default="hard", choices=list(DASHES))
    parser.add_argument("--seconds", type=float, default=70)
    parser.add_argument("--root", default="data")
    parser.add_argument("--num_images", type=int, default=200_000)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    sizes = {"num_images": options.num_images, "batch_size": BATCH, "num_workers": 0}
    data = Pathfinder(root=options.root, difficulty=options.difficulty, augment=True, **sizes)
    data.prepare_data()
    data.setup("fit")
    torch.manual_seed(0)
    model = network().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.05)
    start = last = time.monotonic()
    training = chain.from_iterable(repeat(data.train_dataloader()))
    for step, batch in enumerate(training, 1):
        images, labels = read(batch, device)
        with torch.autocast(device, torch.bfloat16):
            loss = nn.functional.cross_entropy(model(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if time.monotonic() - last > 10:
            last = time.monotonic()
            share = accuracy(model, islice(data.val_dataloader(), SHOWN), device)
            print(f"{step} steps, {last - start:.0f} s: loss {loss:.3f}, validation {share:.4f}", flush=True)
        if last - start > options.seconds:
            return


if __name__ == "__main__":
    main()
