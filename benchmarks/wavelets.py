"""Time of one level of analysis and synthesis against the floor that memory sets, and against other formulations.

python benchmarks/wavelets.py                        on a GPU: (64, 4096, 256), 16 and 40 taps, bfloat16 and float32
OMP_WAIT_POLICY=passive python benchmarks/wavelets.py --threads 2      on a CPU: (8, 4096, 128), float32

The floor is the least traffic (each input read once, each output written once) at the speed of a large copy. Filters
are per channel and trainable, the mode is periodization. `ptwt` and `pytorch_wavelets` take part where they are
installed, with one filter for all channels, which is all that they can; pytorch_wavelets gives filters no gradient.
"""

import argparse
import functools
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import conv1d, conv_transpose1d

from wavspa_lit.wavelets import AdaptiveBank, wavedec, waverec

Formulation = tuple[Callable[[Tensor], list[Tensor]], Callable[[list[Tensor]], Tensor], list[Tensor]]


def milliseconds(runs: list[Callable[[], object]], device: str, repeats: int) -> list[float]:
    """Median times: on a GPU of the replay of a run's CUDA graph, which leaves Python out, else by the clock.

    On a CPU the runs take turns, so that a machine that slows down for a while slows all of them.
    """
    if device == "cuda":
        return [replayed(run, repeats) for run in runs]
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(3 + repeats):
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            if turn >= 3:
                taken.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]


def replayed(run: Callable[[], object], repeats: int) -> float:
    """Median milliseconds of the replay of a run's CUDA graph."""
    for _ in range(3):
        run()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    scratch = torch.empty(2**28, dtype=torch.int8, device="cuda")
    events = [tuple(torch.cuda.Event(enable_timing=True) for _ in range(2)) for _ in range(repeats)]
    for start_event, end_event in events:
        scratch.zero_()  # empties the cache
        start_event.record()
        graph.replay()
        end_event.record()
    torch.cuda.synchronize()
    return statistics.median(start.elapsed_time(end) for start, end in events)


def ours(taps: int, channels: int, device: str, backend: str, compiled: bool = False) -> Formulation:
    bank = AdaptiveBank.from_wavelet(f"db{taps // 2}", channels).to(device)

    def analysis(x: Tensor) -> list[Tensor]:
        return wavedec(x, bank, 1, backend=backend)  # type: ignore[arg-type]

    def synthesis(bands: list[Tensor]) -> Tensor:
        return waverec(bands, bank, 2 * bands[0].shape[1], backend=backend)  # type: ignore[arg-type]

    if compiled:
        return torch.compile(analysis), torch.compile(synthesis), list(bank.parameters())
    return analysis, synthesis, list(bank.parameters())


def depthwise(taps: int, channels: int, device: str, dtype: torch.dtype) -> Formulation:
    """`conv1d` and `conv_transpose1d` with one group for each channel, on transposed signals."""
    bank = AdaptiveBank.from_wavelet(f"db{taps // 2}", channels).to(device)
    filters = torch.stack([f.T.to(dtype) for f in bank.filters()[:2]], 1).flatten(0, 1)[:, None].detach()
    weight = filters.clone().requires_grad_()  # (2 * channels, 1, taps)

    def analysis(x: Tensor) -> list[Tensor]:
        padded = torch.nn.functional.pad(x.transpose(1, 2), (taps // 2 - 1, taps // 2 - 1), mode="circular")
        out = conv1d(padded, weight, stride=2, groups=channels).unflatten(1, (channels, 2))
        return [out[:, :, band].transpose(1, 2) for band in (0, 1)]

    def synthesis(bands: list[Tensor]) -> Tensor:
        stacked = torch.stack([band.transpose(1, 2) for band in bands], 2).flatten(1, 2)
        full = conv_transpose1d(stacked, weight, stride=2, groups=channels)
        edge, length = taps // 2 - 1, 2 * bands[0].shape[1]
        body = full[:, :, edge : edge + length]
        wrapped = torch.zeros_like(body)
        wrapped[:, :, :edge] = full[:, :, edge + length :]
        wrapped[:, :, length - edge :] += full[:, :, :edge]
        return (body + wrapped).transpose(1, 2)

    return analysis, synthesis, [weight]


def fourier(taps: int, channels: int, device: str) -> Formulation:
    """Products of spectra at the full rate, as the paper's code does, then every second sample; float32."""
    bank = AdaptiveBank.from_wavelet(f"db{taps // 2}", channels).to(device)
    weight = torch.stack([f.T for f in bank.filters()[:2]]).detach().clone().requires_grad_()  # (2, channels, taps)

    def spectrum(length: int) -> Tensor:
        return torch.fft.rfft(weight, n=length, dim=2).transpose(1, 2)  # (2, frequencies, channels)

    def analysis(x: Tensor) -> list[Tensor]:
        spectra = torch.fft.rfft(x.float(), dim=1) * spectrum(x.shape[1])[:, None].conj()
        return list(torch.fft.irfft(spectra, n=x.shape[1], dim=2)[:, :, ::2].to(x.dtype).unbind())

    def synthesis(bands: list[Tensor]) -> Tensor:
        length = 2 * bands[0].shape[1]
        full = torch.zeros(2, len(bands[0]), length, channels, device=device)
        full[:, :, ::2] = torch.stack(bands)
        spectra = torch.fft.rfft(full, dim=2) * spectrum(length)[:, None]
        return torch.fft.irfft(spectra.sum(0), n=length, dim=1).to(bands[0].dtype)

    return analysis, synthesis, [weight]


def ptwt_shared(taps: int) -> Formulation:
    import ptwt
    import pywt

    parts = [torch.tensor(f).float().requires_grad_() for f in pywt.Wavelet(f"db{taps // 2}").filter_bank]
    wavelet = ptwt.WaveletTensorTuple(*parts)
    return (
        lambda x: ptwt.wavedec(x, wavelet, level=1, axis=1),
        lambda bands: ptwt.waverec(bands, wavelet, axis=1),
        parts,
    )


def pytorch_wavelets_shared(taps: int) -> Formulation:
    from pytorch_wavelets import DWT1DForward, DWT1DInverse

    forward = DWT1DForward(J=1, wave=f"db{taps // 2}", mode="periodization")
    inverse = DWT1DInverse(wave=f"db{taps // 2}", mode="periodization")

    def analysis(x: Tensor) -> list[Tensor]:
        low, (high,) = forward(x.transpose(1, 2))
        return [low.transpose(1, 2), high.transpose(1, 2)]

    return (
        analysis,
        lambda bands: inverse((bands[0].transpose(1, 2), [bands[1].transpose(1, 2)])).transpose(1, 2),
        [],
    )


def table(
    shape: tuple[int, int, int], taps: int, dtype: torch.dtype, device: str, repeats: int, speed: float, only: str
) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape, device=device, dtype=dtype, requires_grad=True)
    size = x.numel() * x.element_size()
    channels = shape[2]
    makers: dict[str, Callable[[], Formulation]] = {}
    if device == "cuda":
        makers["**wavspa_lit, triton**"] = functools.partial(ours, taps, channels, device, "triton")
        makers["wavspa_lit, triton, compiled"] = functools.partial(ours, taps, channels, device, "triton", True)
    else:
        makers["**wavspa_lit**"] = functools.partial(ours, taps, channels, device, "auto")
    makers["wavspa_lit, torch"] = functools.partial(ours, taps, channels, device, "torch")
    makers["wavspa_lit, torch, compiled"] = functools.partial(ours, taps, channels, device, "torch", True)
    makers["conv1d, one group for each channel"] = functools.partial(depthwise, taps, channels, device, dtype)
    makers["FFT"] = functools.partial(fourier, taps, channels, device)
    if device == "cpu" and importlib.util.find_spec("ptwt"):
        makers["ptwt, one filter for all"] = functools.partial(ptwt_shared, taps)
    if device == "cpu" and importlib.util.find_spec("pytorch_wavelets"):
        makers["pytorch_wavelets, one filter, not trained"] = functools.partial(pytorch_wavelets_shared, taps)
    floors = [factor * size / speed / 1e6 for factor in (2, 5, 10)]
    print(f"\n{taps} taps, {str(dtype).removeprefix('torch.')}\n")
    print("| formulation | analysis | analysis, forward + backward | analysis + synthesis, forward + backward |")
    print("|---|--:|--:|--:|")
    print("| floor | " + " | ".join(f"{floor:.3f}" for floor in floors) + " |", flush=True)
    names = [name for name in makers if only in name]
    # On a GPU one after the other: CUDA graphs keep their memory.
    for together in [names] if device == "cpu" else [[name] for name in names]:
        torch._dynamo.reset()
        passes = {name: three for name in together if (three := prepared(name, makers[name], x))}
        times = iter(milliseconds([run for three in passes.values() for run in three], device, repeats))
        for name in passes:
            cells = [f"{time:.3f} ({time / floor:.1f}x)" for floor, time in zip(floors, times, strict=False)]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def prepared(name: str, maker: Callable[[], Formulation], x: Tensor) -> list[Callable[[], object]]:
    """Analysis, analysis with its backward pass, both with theirs; nothing if one of them fails."""

    def forward() -> None:
        with torch.no_grad():
            analysis(x)

    def train_analysis() -> None:
        torch.autograd.grad(analysis(x), [x, *weights], ones, allow_unused=True)

    def train_both() -> None:
        torch.autograd.grad(synthesis(analysis(x)), [x, *weights], x.detach())

    try:
        analysis, synthesis, weights = maker()
        with torch.no_grad():
            ones = [torch.randn_like(band) for band in analysis(x)]
        passes = [forward, train_analysis, train_both]
        for each in passes:
            each()
    except Exception as error:
        print(f"| {name} | {type(error).__name__}: {str(error).splitlines()[0][:60]} | | |", file=sys.stderr)
        return []
    return list(passes)


def copy_speed(device: str, repeats: int) -> float:
    """Gigabytes a second that a kernel reads and writes which copies a large array."""
    source = torch.zeros(2**28 if device == "cuda" else 2**25, device=device)
    target = torch.empty_like(source)
    # On a GPU, copy_ inside a CUDA graph is the work of the copy engine, which is slower than a kernel.
    copy = (lambda: torch.neg(source, out=target)) if device == "cuda" else (lambda: target.copy_(source))
    return 8 * source.numel() / milliseconds([copy], device, repeats)[0] / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=3, help="batch, length, channels")
    parser.add_argument("--taps", type=int, nargs="+", default=[16, 40])
    parser.add_argument("--dtypes", nargs="+", help="default: bfloat16 float32 on a GPU, float32 on a CPU")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--only", default="", help="formulations whose name contains this")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU only")
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(arguments.threads)
    shape = tuple(arguments.shape or ((64, 4096, 256) if device == "cuda" else (8, 4096, 128)))
    repeats = arguments.repeats or (50 if device == "cuda" else 9)
    speed = copy_speed(device, repeats)
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {arguments.threads} threads"
    print(f"{name}, torch {torch.__version__}; {shape}; a copy moves {speed:.0f} GB/s; ms, median of {repeats}")
    for taps in arguments.taps:
        for dtype in arguments.dtypes or (["bfloat16", "float32"] if device == "cuda" else ["float32"]):
            table(shape, taps, getattr(torch, dtype), device, repeats, speed, arguments.only)


if __name__ == "__main__":
    main()
