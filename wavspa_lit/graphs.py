"""An encoder that is launched as CUDA graphs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from wavspa_lit.half_weights import weights_cast_once
from wavspa_lit.padding import refuse_gaps
from wavspa_lit.speed import CompiledMethod
from wavspa_lit.streams import recording

if TYPE_CHECKING:
    from wavspa_lit.nn import Encoder

WARM_UP = 3
"""Calls before a recording, as many as PyTorch makes."""


class GraphedStates:
    """An encoder's `states`, or a task's `answer`, in training as two CUDA graphs for each shape: one forth, one back.

    Python launches two graphs a step instead of hundreds of kernels, for which a GPU would wait. A graph is recorded
    when a shape first occurs. All graphs use the same memory, so that a second call before the backward pass of the
    first runs without a graph. Gradients are overwritten as well: they cannot be accumulated over batches. Without
    gradients, as in evaluations, nothing is recorded.

    Args:
        encoder: The encoder, whose `states` are replaced. Its parameters stay where they are in memory from now on.
        task: A module of the encoder and a `head`, whose `answer` is replaced instead; for its head the same holds.
    """

    def __init__(self, encoder: "Encoder", task: Any = None) -> None:
        self.encoder, self.task = encoder, task
        self.plain = encoder.states if task is None else task.answer
        self._graphs: dict[Any, RecordedStates] = {}
        self._pending = False
        self._pool: Any = None
        if task is None:
            encoder.states = self  # type: ignore[method-assign]
        else:
            task.answer = self

    def __call__(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """See `Encoder.states`, `Task.answer`."""
        if not (self.encoder.training and torch.is_grad_enabled() and inputs.is_cuda) or self._pending:
            return self.plain(inputs, mask)
        arguments = (inputs,) if mask is None else (inputs, mask)
        key = (inputs.shape, inputs.dtype, mask is None)
        if key not in self._graphs:
            self._pool = self._pool or torch.cuda.graph_pool_handle()
            modules = [self.encoder] if self.task is None else [self.encoder, self.task.head]
            parameters = [each for module in modules for each in module.parameters() if each.requires_grad]
            self._graphs[key] = RecordedStates(self._plain, arguments, parameters, self._pool)
        self._pending = True
        states = self._graphs[key](*arguments)
        states.register_hook(self._done)
        return states

    def _plain(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is not None and self.task is not None and self.encoder.exact_padding:
            refuse_gaps(mask)  # at each replay: an encoder looks at a mask once, and all replays have the same
        with weights_cast_once(self.encoder):
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
        self.known, self.parameters = len(parameters) if distributed else 0, parameters
        # Autograd asks for no gradient at all unless one of the tensors that it knows wants one.
        self.wanting = torch.zeros((), device=arguments[0].device, requires_grad=True)
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
            with recording(self.forth, pool):
                states = function(*self.arguments)
            self.gradient = torch.empty_like(states)
            with recording(self.back, pool):
                gradients = torch.autograd.grad(states, parameters, self.gradient)
                self.gradients = [as_laid_out(*pair) for pair in zip(gradients, parameters, strict=True)]
        self.states = states.detach()
        torch.cuda.set_rng_state(before, device)

    def __call__(self, *arguments: Tensor) -> Tensor:
        """The function of arguments of the recorded shapes."""
        return _Replay.apply(self, self.wanting, *arguments, *self.parameters[: self.known])  # type: ignore[no-untyped-call]


def as_laid_out(gradient: Tensor, parameter: Tensor) -> Tensor:
    """The gradient with the parameter's strides, as autograd and fused optimisers want it."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, recorded: RecordedStates, wanting: Tensor, *tensors: Tensor) -> Tensor:
        ctx.recorded, ctx.without = recorded, len(recorded.arguments) + 2
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
        return *[None] * ctx.without, *(value.detach() for value in recorded.gradients[:known])


def as_it_was(whole: nn.Module) -> None:
    """Takes back what `compile_blocks` and `GraphedStates` have put into a module; compiled code is kept for later."""
    for module in whole.modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, CompiledMethod | GraphedStates):
                delattr(module, name)
