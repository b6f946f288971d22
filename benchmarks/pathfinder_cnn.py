"""Can Pathfinder be learned at all? A small residual network of convolutions on the images that our models get.

python benchmarks/pathfinder_cnn.py --difficulty graded --seconds 70       on a GPU; the images are generated if need be
"""

import argparse
import time

import torch
from torch import Tensor, nn

from datamodules import Pathfinder

CHANNELS, PIXELS, BATCH, SHOWN = 64, 32, 256, 5120


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


def read(data: Pathfinder, split: str, device: str) -> tuple[Tensor, Tensor]:
    """Images (count, 1, height, width) from -1 to 1, and their labels."""
    examples = data.dataset(split)
    batch = examples.batch(torch.arange(len(examples)).numpy())
    images = (batch["tokens"].view(-1, 1, PIXELS, PIXELS) - 1).float() / 127.5 - 1
    return images.to(device), batch["labels"].to(device)


def turned(images: Tensor) -> Tensor:
    """One of the square's eight symmetries for the whole batch."""
    turns, mirrored = int(torch.randint(4, ())), bool(torch.randint(2, ()))
    images = images.rot90(turns, (2, 3))
    return images.flip(3) if mirrored else images


def main() -> None:
    """Prints loss and accuracy every ten seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--difficulty", default="hard")
    parser.add_argument("--seconds", type=float, default=70)
    parser.add_argument("--root", default="data")
    parser.add_argument("--num_images", type=int, default=200_000)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = Pathfinder(root=options.root, difficulty=options.difficulty, num_images=options.num_images)
    data.prepare_data()
    data.setup("fit")
    (images, labels), (shown, answers) = (read(data, split, device) for split in ("train", "val"))
    shown, answers = shown[:SHOWN], answers[:SHOWN]
    torch.manual_seed(0)
    model = network().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.05)
    start = last = time.monotonic()
    step = 0
    while last - start < options.seconds:
        chosen = torch.randint(len(images), (BATCH,), device=device)
        with torch.autocast(device, torch.bfloat16):
            loss = nn.functional.cross_entropy(model(turned(images[chosen])).float(), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if time.monotonic() - last > 10:
            last = time.monotonic()
            model.eval()
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
                right = torch.cat([model(part).argmax(1) for part in shown.split(512)]).eq(answers)
            model.train()
            print(
                f"{step} steps, {last - start:.0f} s: loss {loss:.3f}, validation {right.float().mean():.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
