"""Time and peak memory of a whole training step: WavSpA against the plain Transformer of the same size.

python benchmarks/train_step.py                                         on a GPU: the four sizes of docs/performance.md
python benchmarks/train_step.py --sizes 64,2048,128,8 --attention softmax linear performer
python benchmarks/train_step.py --sizes 2,512,64,2 --eager --precision float32                          on a laptop

A step is the forward pass, the backward pass and AdamW, on random tokens without padding; bfloat16 by autocast, blocks
compiled as `wavspa fit --speed compile` does. "launched" is timed from Python; "GPU" is the replay of the step's CUDA
graph, without what Python takes to launch it. Ratios are those of the medians to each size's first row, in one run.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from wavspa_lit.attention import ATTENTIONS, AttentionConfig
from wavspa_lit.graphs import GraphedStates
from wavspa_lit.nn import Encoder, EncoderConfig
from wavspa_lit.speed import compile_blocks
from wavspa_lit.wavelets import WaveletConfig

SIZES = ["64,2048,128,8", "32,4096,256,6", "4,16384,128,6", "1,65536,128,4"]


def measure(
    encoder: torch.nn.Module, tokens: torch.Tensor, precision: str, repeats: int, profiled: bool, graphs: bool
) -> tuple[float, float, float]:
    """Median milliseconds of a training step, launched and on the GPU alone, and peak MiB; nan on a CPU.

    With graphs of its own a step cannot become one of its own: then nan stands for the GPU alone.
    """
    device, nan = tokens.device, float("nan")
    optimizer = torch.optim.AdamW(encoder.parameters(), fused=True, capturable=device.type == "cuda")
    dtype = getattr(torch, precision)

    def step() -> None:
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            states, _ = encoder(tokens)
            loss = states.float().square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(5):
        step()
    if profiled:
        with torch.profiler.profile() as profile:
            step()
        print(profile.key_averages().table(sort_by=f"self_{device.type}_time_total", row_limit=30))
    if device.type == "cpu":
        return clock(step, repeats, lambda: None), nan, nan
    torch.cuda.reset_peak_memory_stats()
    launched = clock(step, repeats, torch.cuda.synchronize)
    peak = torch.cuda.max_memory_allocated() / 2**20
    if graphs:
        return launched, nan, peak
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return launched, clock(graph.replay, repeats, torch.cuda.synchronize), peak


def clock(run: Callable[[], None], repeats: int, wait: Callable[[], None]) -> float:
    """Median milliseconds."""
    times = []
    for _ in range(repeats):
        wait()
        start = time.perf_counter()
        run()
        wait()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="batch,length,channels,layers")
    parser.add_argument("--attention", nargs="+", default=["softmax"], choices=list(ATTENTIONS))
    parser.add_argument("--levels", type=int, nargs="+", default=[1, 3], help="0 stands for token space")
    parser.add_argument("--wavelet", default="db8")
    parser.add_argument("--head_dim", type=int, default=64)
    parser.add_argument("--precision", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--eager", action="store_true", help="do not compile")
    parser.add_argument("--profile", action="store_true", help="print what takes the time of a step")
    parser.add_argument("--graphs", action="store_true", help="launch the encoder as two graphs, as wavspa fit does")
    parser.add_argument("--whole", action="store_true", help="compile the encoder as one, which takes longer")
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    print(
        f"{name}, torch {torch.__version__}, {arguments.precision}, {'eager' if arguments.eager else 'compiled'}; ",
        end="",
    )
    print(f"heads of {arguments.head_dim}, {arguments.wavelet}; median of {arguments.repeats} steps\n")
    print("| batch x length x channels, layers | model | launched, ms | ratio | GPU, ms | ratio | peak MiB | ratio |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for size in arguments.sizes:
        batch, length, dim, layers = (int(part) for part in size.split(","))
        first = None
        for kind in arguments.attention:
            for level in [0, *arguments.levels]:
                torch.manual_seed(0)
                torch._dynamo.reset()
                config = EncoderConfig(
                    dim=dim,
                    mlp_dim=2 * dim,
                    layers=layers,
                    dropout=0.0,
                    space="wavelet" if level else "token",
                    wavelet=WaveletConfig(name=arguments.wavelet, level=level),
                    attention=AttentionConfig(kind, heads=dim // arguments.head_dim),
                )
                encoder = Encoder(config, 256, length).to(device)
                if arguments.whole:
                    encoder.compile()
                elif not arguments.eager:
                    compile_blocks(encoder.blocks, dynamic=False)
                if arguments.graphs:
                    GraphedStates(encoder)
                tokens = torch.randint(256, (batch, length), device=device)
                model = f"wavelets, level {level}, {kind}" if level else f"Transformer, {kind}"
                try:
                    how = (arguments.precision, arguments.repeats, arguments.profile, arguments.graphs)
                    row = measure(encoder, tokens, *how)
                except torch.OutOfMemoryError:
                    print(f"| {size} | {model} | out of memory | | | | | |", flush=True)
                    continue
                first = first or row
                cells = [f"{value:.1f} | {value / base:.2f}" for value, base in zip(row, first, strict=True)]
                size_text = f"{batch} x {length:,} x {dim}, {layers}"
                print(f"| {size_text} | {model} | " + " | ".join(cells) + " |", flush=True)
                del encoder, tokens


if __name__ == "__main__":
    main()
