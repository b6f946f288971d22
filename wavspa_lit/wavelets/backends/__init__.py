"""The code that runs one level of a transform, a file for each backend, and the one place that chooses among them."""

from wavspa_lit.wavelets.backends import compiled, torch
from wavspa_lit.wavelets.backends.choose import Backend, choose
from wavspa_lit.wavelets.backends.derivatives import Loops, differentiable

LOOPS = {
    "traced": Loops(compiled.loop_down, compiled.loop_up),
    "compiled": differentiable(compiled.down, compiled.up, compiled.filter_gradients),
    "half_compiled": differentiable(torch.down, torch.up_in_phases, compiled.filter_gradients),
    "torch_short": Loops(torch.down, torch.up),
    "torch_phases": differentiable(torch.down, torch.up_in_phases, torch.filter_gradients),
    "torch": differentiable(torch.down, torch.up, torch.filter_gradients),
}
"""The inner loops by what `choose` returns; `triton` is not here, because its kernels do a whole level."""

__all__ = ["LOOPS", "Backend", "Loops", "choose"]
