"""What the Triton kernels read and write: samples beyond the ends of a signal, coefficients, taps, tiles in registers.

The compiler's time grows with the number of memory accesses times that of all operations, because for each access it
looks through everything that is connected with it. Hence samples are loaded and stored as tiles, which are split into
vectors in registers, and one kernel serves all rules, with and without masks.
"""

# Triton has its own types, which mypy does not know, and of Python's tuples only what stands here.
# mypy: ignore-errors
# ruff: noqa: RUF005

import triton
import triton.language as tl

# Not 0, 1 or 16: Triton, or PyTorch's compiler, would make a kernel of its own for an argument of such a value.
ZERO = tl.constexpr(2)
PERIODIZATION = tl.constexpr(3)
CROPPED = tl.constexpr(4)
PERIODIC = tl.constexpr(5)
CONSTANT = tl.constexpr(6)
SYMMETRIC = tl.constexpr(7)
REFLECT = tl.constexpr(8)
OFFICIAL = tl.constexpr(9)
UNMASKED = tl.constexpr(2)
MASKED = tl.constexpr(3)
GROUP = tl.constexpr(4)  # coefficients that are stored together: more would keep more registers busy
FAR = tl.constexpr(2**30)  # beyond every position


@triton.jit
def wrapped(q, n, low, high):
    """The rest of q when divided by n, where q lies between low and high."""
    if (low >= -n) & (high < 2 * n):  # a division takes as long as twenty other operations
        rest = tl.where(q < 0, q + n, tl.where(q >= n, q - n, q))
    else:
        rest = q % n  # it has the sign of q
        rest = tl.where(rest < 0, rest + n, rest)
    return rest


@triton.jit
def source_index(q, low, high, n, rule, TAPS: tl.constexpr):
    """Index of the sample that stands at position q, between low and high, of a signal of length n; -1: a zero."""
    some = tl.maximum(n, 1)
    even = some + some % 2
    mirrored = (rule == REFLECT) | (rule == OFFICIAL)
    # One formula for all rules, because a branch for each would take the compiler several times as long.
    inside = tl.where(rule == CONSTANT, tl.minimum(tl.maximum(q, 0), some - 1), q)
    if rule == OFFICIAL:  # it reflects by taps - 2 on either side, makes even, and is periodic then
        period = even + 2 * (TAPS - 2)
        inside = wrapped(inside + TAPS - 2, period, low + TAPS - 2, high + TAPS - 2) - (TAPS - 2)
    low = tl.where(rule == OFFICIAL, 2 - TAPS, low)
    high = tl.where(rule == OFFICIAL, even + TAPS - 3, high)
    period = tl.where(rule == PERIODIC, some, FAR)
    period = tl.where((rule == PERIODIZATION) | (rule == CROPPED), even, period)
    period = tl.where(rule == SYMMETRIC, 2 * some, period)
    phase = wrapped(inside, tl.where(mirrored, tl.maximum(2 * some - 2, 1), period), low, high)
    last = tl.where(mirrored, 2 * some - 2, tl.where(rule == SYMMETRIC, 2 * some - 1, 2 * (FAR - 1)))
    index = tl.minimum(tl.minimum(phase, tl.maximum(last - phase, 0)), some - 1)
    empty = ((rule == ZERO) | (rule == CROPPED)) & (phase >= some)
    return tl.where(empty | (n <= 0), -1, index)


@triton.jit
def load_tile(row, first, stride, n, rule, known, more, COUNT: tl.constexpr, TAPS: tl.constexpr):
    """COUNT samples of a row from position `first` on, (COUNT, channels); zeros unless there is need of more."""
    q = first + tl.arange(0, COUNT)
    if (first >= 0) & (first + COUNT <= n) | (more == 0):
        tile = tl.load(row[None, :] + (q * stride)[:, None], mask=known[None, :] & (more != 0), other=0.0)
    else:
        index = source_index(q, first, first + COUNT - 1, n, rule, TAPS)
        there = known[None, :] & (index >= 0)[:, None]
        tile = tl.load(row[None, :] + (index * stride)[:, None], mask=there, other=0.0)
    return tile


@triton.jit
def around(t, low, high, n, circular):
    """Index of coefficient t, between low and high, of a band of n that goes around if it is circular."""
    index = t
    if circular:
        index = wrapped(t, tl.maximum(n, 1), low, high)
    return index


@triton.jit
def load_band(row, first, stride, n, circular, known, COUNT: tl.constexpr):
    """COUNT coefficients of a band of n from `first` on, (COUNT, channels); zeros, or circular, beyond its ends."""
    t = around(first + tl.arange(0, COUNT), first, first + COUNT - 1, n, circular)
    there = known[None, :] & ((t >= 0) & (t < n))[:, None]
    return tl.load(row[None, :] + (t * stride)[:, None], mask=there, other=0.0)


@triton.jit
def split(tile, COUNT: tl.constexpr, BLOCK: tl.constexpr):
    """The rows of a tile as float32 vectors over the channels. A thread has all rows of its channels: nothing moves."""
    parts = (tl.trans(tile.to(tl.float32)),)
    for level in tl.static_range(10):
        if COUNT >> level > 1:
            even, odd = (), ()
            for i in tl.static_range(1 << level):
                if COUNT >> level == 2:
                    a, b = tl.split(parts[i])
                else:
                    a, b = tl.split(tl.reshape(parts[i], (BLOCK, COUNT >> (level + 1), 2)))
                even, odd = even + (a,), odd + (b,)
            parts = even + odd
    if COUNT == 1:
        parts = (tl.reshape(parts[0], (BLOCK,)),)
    return parts


@triton.jit
def join(rows, COUNT: tl.constexpr, BLOCK: tl.constexpr):
    """The inverse of `split` for two rows or more: (COUNT, channels) from vectors over the channels."""
    for level in tl.static_range(10):
        if COUNT >> level > 1:
            pairs = ()
            for i in tl.static_range(COUNT >> (level + 1)):
                pair = tl.join(rows[i], rows[i + (COUNT >> (level + 1))])
                pairs = pairs + (tl.reshape(pair, (BLOCK, 2 << level)),)
            rows = pairs
    return tl.trans(rows[0])


@triton.jit
def load_samples(
    row, first, stride, n, rule, known, more, COUNT: tl.constexpr, TAPS: tl.constexpr, BLOCK: tl.constexpr
):
    """COUNT samples of a row from position `first` on, as a tuple of vectors over the channels."""
    samples = ()
    for bit in tl.static_range(10):  # tiles have powers of two
        if COUNT & (512 >> bit):
            at = first + (COUNT - COUNT % (1024 >> bit))
            tile = load_tile(row, at, stride, n, rule, known, more, COUNT & (512 >> bit), TAPS)
            samples = samples + split(tile, COUNT & (512 >> bit), BLOCK)
    return samples


@triton.jit
def load_coefficients(row, first, stride, n, circular, known, COUNT: tl.constexpr, BLOCK: tl.constexpr):
    """COUNT coefficients of a band from `first` on, as a tuple of vectors over the channels."""
    coefficients = ()
    for bit in tl.static_range(10):
        if COUNT & (512 >> bit):
            at = first + (COUNT - COUNT % (1024 >> bit))
            tile = load_band(row, at, stride, n, circular, known, COUNT & (512 >> bit))
            coefficients = coefficients + split(tile, COUNT & (512 >> bit), BLOCK)
    return coefficients


@triton.jit
def load_taps(filters, stride, known, TAPS: tl.constexpr, BLOCK: tl.constexpr):
    """The taps of a filter, as a tuple of vectors over the channels."""
    taps = ()
    for bit in tl.static_range(10):
        if TAPS & (512 >> bit):
            k = TAPS - TAPS % (1024 >> bit) + tl.arange(0, TAPS & (512 >> bit))
            tile = tl.load(filters[None, :] + (k * stride)[:, None], mask=known[None, :], other=0.0)
            taps = taps + split(tile, TAPS & (512 >> bit), BLOCK)
    return taps


@triton.jit
def own_place(channels, tiles, BLOCK: tl.constexpr, VECTOR: tl.constexpr):
    """The channels, the tile and the row of the batch that this program works on."""
    program, blocks = tl.program_id(0), tl.cdiv(channels, BLOCK)
    # A thread has VECTOR channels and all samples of a tile: so one does not have to hand samples to another.
    c = tl.multiple_of((program % blocks) * BLOCK + tl.arange(0, BLOCK), VECTOR)
    return c, program // blocks % tiles, program // blocks // tiles
