"""How fast a training runs: as it is, compiled, or launched as CUDA graphs."""

import hashlib
import signal
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor, nn

from wavspa_lit.choices import check
from wavspa_lit.private_torch import set_option, start_compiler_processes

if TYPE_CHECKING:
    from wavspa_lit.nn import Encoder

Speed = Literal["auto", "eager", "compile", "graphs"]

VARIANTS = 64
"""Shapes and modes for which the compiler may make code: twelve lengths, in training and in evaluation."""
WARM_UP = 3
"""Calls before a recording, as many as PyTorch makes."""


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
def start_compiler() -> None:
    """Starts the processes that compile where the signals that end a process group do not reach them.

    PyTorch would wait for ever for one that a cluster, or `timeout`, has ended (its pull request 189290).
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})  # processes inherit it
    try:
        start_compiler_processes()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
    code = b"".join((folder / name).read_bytes() for name in ("triton.py", "triton_kernels.py"))
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
    start_compiler()
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


def as_it_was(encoder: nn.Module) -> None:
    """Takes back what `compile_blocks` and `GraphedStates` have put into a module; compiled code is kept for later."""
    for module in encoder.modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, CompiledMethod | GraphedStates):
                delattr(module, name)


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
        return self.compiled(self.plain.__self__, *arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        """What `copy.deepcopy` and pickle make of it."""
        return MethodType, (self.plain.__func__, self.plain.__self__)


class GraphedStates:
    """An encoder's `states` in training as two CUDA graphs for each shape: one forth, one back.

    Python launches two graphs a step instead of hundreds of kernels, for which a GPU would wait. A graph is recorded
    when a shape first occurs. All graphs use the same memory, so that a second call before the backward pass of the
    first runs without a graph. Gradients are overwritten as well: they cannot be accumulated over batches. Without
    gradients, as in evaluations, nothing is recorded.

    Args:
        encoder: The encoder, whose method is replaced. Its parameters stay where they are in memory from now on.
    """

    def __init__(self, encoder: "Encoder") -> None:
        self.encoder, self.plain = encoder, encoder.states
        self._graphs: dict[Any, RecordedStates] = {}
        self._pending = False
        self._pool: Any = None
        encoder.states = self  # type: ignore[method-assign]

    def __call__(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """See `Encoder.states`."""
        if not (self.encoder.training and torch.is_grad_enabled() and inputs.is_cuda) or self._pending:
            return self.plain(inputs, mask)
        arguments = (inputs,) if mask is None else (inputs, mask)
        key = (inputs.shape, inputs.dtype, mask is None)
        if key not in self._graphs:
            self._pool = self._pool or torch.cuda.graph_pool_handle()
            parameters = [parameter for parameter in self.encoder.parameters() if parameter.requires_grad]
            self._graphs[key] = RecordedStates(self._plain, arguments, parameters, self._pool)
        self._pending = True
        states = self._graphs[key](*arguments)
        states.register_hook(self._done)
        return states

    def _plain(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.plain(inputs, mask)

    def _done(self, gradient: Tensor) -> None:
        self._pending = False


class RecordedStates:
    """A function of tensors and parameters as two CUDA graphs.

    `torch.cuda.make_graphed_callables` records the same, but hands each gradient to autograd, which takes Python a
    millisecond for a hundred parameters. Here the backward pass puts gradients into `grad` itself. Only DDP needs
    autograd for that, because it waits for every gradient.

    Args:
        function: Maps the arguments to one tensor.
        arguments: Tensors of the shapes that are recorded.
        parameters: What the function depends on besides.
        pool: The graphs' memory.
    """

    def __init__(
        self, function: Callable[..., Tensor], arguments: tuple[Tensor, ...], parameters: list[nn.Parameter], pool: Any
    ) -> None:
        self.arguments = tuple(argument.clone() for argument in arguments)
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        # Autograd must know one parameter at least, to ask for a gradient at all.
        self.known = len(parameters) if distributed else 1
        self.parameters = parameters
        # Recording draws random numbers: a training that resumes records at another step, and must not see it.
        device = arguments[0].device
        before = torch.cuda.get_rng_state(device)
        dtype, enabled = torch.get_autocast_dtype("cuda"), torch.is_autocast_enabled("cuda")
        with torch.autocast("cuda", dtype, enabled, cache_enabled=False):
            torch.cuda.synchronize(device)
            with torch.cuda.stream(torch.cuda.Stream(device)):  # what is set up at a first call must not be recorded
                for _ in range(WARM_UP):
                    states = function(*self.arguments)
                    gradients = torch.autograd.grad(states, parameters, torch.zeros_like(states))
                del states, gradients
            torch.cuda.synchronize(device)
            self.forth, self.back = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.forth, pool=pool):
                states = function(*self.arguments)
            self.gradient = torch.empty_like(states)
            with torch.cuda.graph(self.back, pool=pool):
                gradients = torch.autograd.grad(states, parameters, self.gradient)
                self.gradients = [as_laid_out(*pair) for pair in zip(gradients, parameters, strict=True)]
        self.states = states.detach()
        torch.cuda.set_rng_state(before, device)

    def __call__(self, *arguments: Tensor) -> Tensor:
        """The function of arguments of the recorded shapes."""
        return _Replay.apply(self, *arguments, *self.parameters[: self.known])  # type: ignore[no-untyped-call]


def as_laid_out(gradient: Tensor, parameter: Tensor) -> Tensor:
    """The gradient with the parameter's strides, as autograd and fused optimisers want it."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, recorded: RecordedStates, *tensors: Tensor) -> Tensor:
        ctx.recorded, ctx.unknown = recorded, len(recorded.arguments) + 1
        for own, given in zip(recorded.arguments, tensors, strict=False):
            own.copy_(given)
        recorded.forth.replay()
        return recorded.states.detach()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        recorded = ctx.recorded
        recorded.gradient.copy_(gradient)
        recorded.back.replay()
        known, own = recorded.known, slice(recorded.known, None)
        for parameter, value in zip(recorded.parameters[own], recorded.gradients[own], strict=True):
            # There is a gradient already where the encoder has run without a graph besides.
            parameter.grad = value if parameter.grad is None else parameter.grad + value
        return *[None] * ctx.unknown, *(value.detach() for value in recorded.gradients[:known])
