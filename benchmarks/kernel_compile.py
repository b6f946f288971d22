"""Compiles the Triton kernels for an H100, without a GPU: seconds of CPU by stage, registers, spilled bytes.

python benchmarks/kernel_compile.py                  needs triton, of the version that PyTorch for CUDA brings
python benchmarks/kernel_compile.py --taps 40 --dtype fp32

`spilled` are the bytes of a thread that do not fit into registers. A kernel serves all modes, with and without masks.
"""

import argparse
import os
import re
import resource
import subprocess
import tempfile
from pathlib import Path
from typing import Any

os.environ["TRITON_CACHE_DIR"] = tempfile.mkdtemp()

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from wavspa_lit.wavelets.backends import triton_kernels as kernels
from wavspa_lit.wavelets.backends.triton_launch import program_shape, unrolled

SINGLE = ("low_filter", "high_filter", "low_gradient", "high_gradient")
SIGNALS = ("x", "low", "high", "y")


def source(name: str, taps: int, dtype: str, channels: int) -> tuple[ASTSource, int]:
    """A kernel with the arguments that it has for contiguous signals, and its warps."""
    kernel = getattr(kernels, name)
    block, warps = program_shape(channels, taps)
    fixed = {"TAPS": taps, "FILTER": taps, "BLOCK": block, "VECTOR": block // (32 * warps), "channel_stride": 1}
    fixed["UNROLL"] = unrolled(name, taps)
    types, constants, attributes = {}, {}, {}
    for index, argument in enumerate(kernel.arg_names):
        if argument in fixed:
            types[argument], constants[(index,)] = "constexpr", fixed[argument]
            continue
        pointer = "fp32" if argument in SINGLE else "i64" if argument in ("lengths", "counts") else dtype
        types[argument] = "*" + pointer if argument in (*SINGLE, *SIGNALS, "lengths", "counts") else "i32"
        if argument not in kernels.LENGTHS:
            attributes[(index,)] = [["tt.divisibility", 16]]
    return ASTSource(kernel, types, constants, attributes), warps


def seconds() -> float:
    """Of CPU that this process and the compilers it started have taken."""
    taken = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in taken)


def resources(cubin: bytes) -> tuple[str, str]:
    """Registers and spilled bytes of a thread."""
    program = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        said = subprocess.check_output([program, "-res-usage", file.name], text=True, stderr=subprocess.STDOUT)
    found = re.search(r"REG:(\d+) STACK:(\d+)", said)
    return (found[1], found[2]) if found else ("?", "?")


def main() -> None:
    """Prints a row for each kernel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--taps", type=int, nargs="+", default=[16, 40])
    parser.add_argument("--dtype", default="bf16", choices=["bf16", "fp16", "fp32"])
    parser.add_argument("--channels", type=int, default=256)
    arguments = parser.parse_args()
    stages: dict[str, float] = {}

    def keep(times: Any, **_: Any) -> None:
        stages.update({stage: micros / 1e6 for stage, micros in times.lowering_stages})

    triton.knobs.compilation.listener = keep
    print(f"triton {triton.__version__}, sm_90, {arguments.dtype}, {arguments.channels} channels\n")
    print("| taps | kernel | CPU, s | of it MLIR (by the clock) | LLVM | ptxas | registers | spilled |")
    print("|--:|---|--:|--:|--:|--:|--:|--:|")
    for taps in arguments.taps:
        for name in ("down", "up", "gradient"):
            built, warps = source(name, taps, arguments.dtype, arguments.channels)
            before = seconds()
            kernel = triton.compile(built, target=GPUTarget("cuda", 90, 32), options={"num_warps": warps})
            parts = (stages["ttir"] + stages["ttgir"], stages["llir"] + stages["ptx"], stages["cubin"])
            cells = [f"{seconds() - before:.1f}", *(f"{part:.1f}" for part in parts), *resources(kernel.asm["cubin"])]
            print(f"| {taps} | {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
