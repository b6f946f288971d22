"""Longformer's attention alone, forward and backward, in chunks and with FlexAttention, with and without padding.

python benchmarks/longformer.py                                                                        on a GPU
python benchmarks/longformer.py --sizes 1,2,512,16 --window 64 --repeats 1          on a CPU, to try it: chunks twice
"""

import argparse
import statistics
import time

import torch

from wavspa_lit.attention import AttentionConfig, build_attention


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["32,4,4096,64", "32,4,4000,64", "1,4,65536,32"])
    parser.add_argument("--window", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=10)
    arguments = parser.parse_args()
    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    print(f"{torch.cuda.get_device_name() if cuda else 'CPU'}, torch {torch.__version__}, bfloat16; ms, median; MiB\n")
    print("| batch, heads, length, channels | padding | flex | first call, s | forward + backward | peak |")
    print("|---|---|---|--:|--:|--:|")
    for size in arguments.sizes:
        batch, heads, length, width = (int(part) for part in size.split(","))
        torch.manual_seed(0)
        shape = (batch, length, heads, width)
        q, k, v = (torch.randn(shape, device=device).bfloat16().transpose(1, 2).requires_grad_() for _ in range(3))
        ends = torch.randint(length // 2, length + 1, (batch, 1), device=device)
        for mask in (None, torch.arange(length, device=device) < ends):
            for flex in (False, True):
                config = AttentionConfig(
                    "longformer", heads, width, window=arguments.window, global_tokens=1, flex=flex
                )
                attend = build_attention(config, heads * width, max_length=length).attend
                times = []
                for _ in range(arguments.repeats + 1):
                    if cuda:
                        torch.cuda.synchronize()
                        torch.cuda.reset_peak_memory_stats()
                    start = time.perf_counter()
                    attend(q, k, v, mask).sum().backward()
                    if cuda:
                        torch.cuda.synchronize()
                    times.append(time.perf_counter() - start)
                peak = torch.cuda.max_memory_allocated() / 2**20 if cuda else float("nan")
                cells = f"{times[0]:.1f} | {1e3 * statistics.median(times[1:]):.2f} | {peak:.0f}"
                print(f"| {size} | {mask is not None} | {flex} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
