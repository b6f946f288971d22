"""How fast a training runs: as it is, compiled, or launched as CUDA graphs (see `graphs`)."""

import hashlib
import signal
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from threading import Thread
from types import FunctionType, MethodType
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from wavspa_lit.choices import check
from wavspa_lit.private_torch import set_option, starter_of_compiler_processes

Speed = Literal["auto", "eager", "compile", "graphs"]

VARIANTS = 64
"""Shapes and modes for which the compiler may make code: twelve lengths, in training and in evaluation."""


def choose_speed(
    asked: Speed, *, on_gpu: bool, training: bool, few_lengths: bool, against_graphs: str = ""
) -> tuple[Speed, str]:
    """How to run, and why.

    Args:
        asked: What the user asked for.
        on_gpu: Whether a GPU does the work.
        training: Whether blocks are called often enough to be worth a compilation.
        few_lengths: Whether batches have a dozen lengths at most, since each is recorded as a graph of its own.
        against_graphs: Why the other settings rule graphs out; empty if they do not.

    Returns:
        `eager`, `compile` or `graphs`, and the reason.
    """
    check("speed", asked, get_args(Speed))
    if asked != "auto":
        return asked, "as asked for"
    if not on_gpu:
        return "eager", "there is no GPU"
    if not training:
        return "eager", "one pass over the data is not worth a compilation"
    if against_graphs:
        return "compile", f"CUDA graphs are ruled out: it {against_graphs}"
    if not few_lengths:
        return "compile", "batches may have any length; with --data.padding bucket, if there is one, graphs are faster"
    return "graphs", "batches have few lengths"


def against_graphs(config: Any) -> str:
    """Why CUDA graphs cannot serve with the other settings, and what to do; an empty text if they can."""
    if (config.trainer.accumulate_grad_batches or 1) > 1:
        return "overwrites the gradients of the batch before: leave out --trainer.accumulate_grad_batches"
    if "fsdp" in str(config.trainer.strategy).lower():
        return "needs parameters that stay in their place: --trainer.strategy ddp, not fsdp"
    encoder = config.model.init_args.encoder
    if encoder.activation_checkpointing:
        return "needs activations that are kept: leave out --model.encoder.activation_checkpointing"
    if encoder.attention.kind == "performer" and encoder.attention.redraw_interval:
        return "needs features that stay: leave out --model.encoder.attention.redraw_interval"
    return ""


@cache
def start_compiler_in_background() -> Thread:
    """Starts a thread that starts the processes that compile. See `start_compiler`.

    PyTorch hashes all its sources for it, which takes a second or two. The processes are started where the signals that
    end a process group do not reach them. PyTorch would wait for ever for one that a cluster, or `timeout`, has ended
    (its pull request 189290).
    """
    start = starter_of_compiler_processes()  # imported here, because two threads must not import the compiler at once

    def start_without_signals() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})  # processes inherit it
        start()

    thread = Thread(target=start_without_signals)
    thread.start()
    return thread


def start_compiler() -> None:
    """Starts the processes that compile, and waits until they have been started."""
    start_compiler_in_background().join()


@cache
def compiled_for(function: FunctionType, *constants: Any, **options: Any) -> Callable[..., Any]:
    """A function, compiled on its own for each combination of what its code has to take for constant.

    The compiler gives up on a function that it has to compile often, so each combination gets a function of its own.

    Args:
        function: The function.
        *constants: What the code is specialised for; only their values matter, as the key of the cache.
        **options: For `torch.compile`.
    """
    start_compiler()
    return torch.compile(FunctionType(function.__code__.replace(), function.__globals__), **options)


def sources_of_kernels() -> str:
    """A number that changes with our kernels and how they are launched.

    PyTorch keeps compiled code by what is called, not by what our operators do inside. Without this number, code that
    was compiled for another version of the kernels would be taken from its cache.
    """
    folder = Path(__file__).parent / "wavelets" / "backends"
    code = b"".join(file.read_bytes() for file in sorted(folder.glob("triton*.py")))
    return hashlib.sha256(code).hexdigest()[:16]


def compile_blocks(blocks: Iterable[nn.Module], *, parts: bool = False, **options: Any) -> None:
    """Compiles every block on its own, when it is first called: one block's code serves all.

    Compiling the whole encoder would take the number of blocks times as long. The code serves all lengths, because
    compiling it for each would take many times as long, too. In
    training it is for one number of examples, because all batches have as many.

    Args:
        blocks: Modules of one class and with the same settings; the names of their parameters stay.
        parts: Compile what `Block.parts` lists instead. It takes a fraction of the time, because a block has the same
            attention once for each band. Python has more to launch, unless a CUDA graph launches it.
        **options: For `torch.compile`.
    """
    start_compiler_in_background()
    torch.compiler.config.cache_key_tag = torch.compiler.config.cache_key_tag or sources_of_kernels()
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, VARIANTS)
    # Inductor would decide by the length which reductions to fuse, and compile again beyond it.
    set_option(torch._inductor.config.triton, "mix_order_reduction", False)
    # Inductor would time some reductions anew in every process, choose another one, and round otherwise after a resume
    # (PyTorch's issue 189121). What it chooses among the others is kept beside the compiled code.
    set_option(torch._inductor.config, "dynamic_scale_rblock", False)
    # PyTorch would cut each block in two, so that DDP can send gradients sooner. A block is small, so splitting it to
    # overlap its all-reduce gains nothing.
    set_option(torch._dynamo.config, "optimize_ddp", False)
    # Lightning wraps models in DDP on a stream of their own. Autograd waits for it, and would warn that it does.
    getattr(torch.autograd.graph, "set_warn_on_accumulate_grad_stream_mismatch", lambda _: None)(False)
    compiled: dict[Any, Callable[..., Any]] = {}
    for block in blocks:
        listed = getattr(block, "parts", None) if parts else None
        for module, name in listed() if listed else [(block, "forward")]:
            function = getattr(module, name).__func__
            if function not in compiled:
                compiled[function] = torch.compile(function, **{"dynamic": False, **options})
            setattr(module, name, CompiledMethod(getattr(module, name), compiled[function]))


class CompiledMethod:
    """A method of a module, compiled for all modules of its class, which tells the compiler which sizes vary.

    These are lengths, and in evaluations the number of examples. Other sizes are constants of the code, because it
    takes longer to make the more variables it has. A copy of the module has the method as it was, because compiled code
    would go on with the parameters of the original.

    Args:
        plain: The method. It takes tensors (batch, length, channels), (batch, length) or (batch,), or None.
        compiled: The same as a function of the module and these, for which nothing varies but what is marked.
    """

    def __init__(self, plain: MethodType, compiled: Callable[..., Any]) -> None:
        self.plain, self.compiled = plain, compiled

    def __call__(self, *arguments: Tensor | None) -> Any:
        """See the method."""
        axes = (1,) if torch.is_grad_enabled() else (0, 1)
        for tensor in arguments:
            if tensor is not None:
                torch._dynamo.maybe_mark_dynamic(tensor, [axis for axis in axes if axis < tensor.dim()])
        start_compiler()
        return self.compiled(self.plain.__self__, *arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        """What `copy.deepcopy` and pickle make of it."""
        return MethodType, (self.plain.__func__, self.plain.__self__)
