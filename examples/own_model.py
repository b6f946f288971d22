"""Wavelet attention in a model of one's own: the next value of a noisy series, with no Lightning in sight."""

import torch
from torch import Tensor, nn

from wavspa_lit import WaveletAttention


class Forecaster(nn.Module):
    """Maps a series (batch, length, 1) to the value that follows it, (batch, 1)."""

    def __init__(self, dim: int = 32) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(1, dim), nn.Linear(dim, 1)
        self.norm = nn.LayerNorm(dim)
        self.attention = WaveletAttention(dim, heads=4, wavelet="db2", kind="adaptive", level=2, positions="rotary")

    def forward(self, series: Tensor) -> Tensor:
        """See the class."""
        x = self.enter(series)
        x = x + self.attention(self.norm(x))  # with a mask (batch, length) for series of different lengths
        return self.leave(x[:, -1])


def main(steps: int = 200) -> list[float]:
    """Trains the model and returns the losses."""
    torch.manual_seed(0)
    model, losses = Forecaster(), []
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        start, rate = torch.rand(2, 32, 1, 1) * 6
        series = torch.sin(start + (0.1 + rate / 20) * torch.arange(65)[:, None])
        loss = (model(series[:, :64] + 0.05 * torch.randn(32, 64, 1)) - series[:, 64]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    losses = main()
    print(f"mean squared error {losses[0]:.3f} at first, {sum(losses[-20:]) / 20:.3f} over the last 20 steps")
