"""Triton kernels for the two inner loops and the gradient of their filters, with boundaries and masks built in.

One program walks along the length with a block of channels. The samples that the next coefficient needs again stay in
registers, so that every sample is read once; sums are in float32. Every sum has a fixed order: no atomics.

Rules say how a signal goes on beyond its ends. `down` reads x through a rule, `up` adds what lies beyond the ends back
through it, so that each is the adjoint of the other whatever the rule.
"""

# Triton has its own types, which mypy does not know, and of Python's tuples only what stands here.
# mypy: ignore-errors
# ruff: noqa: RUF005, SIM102

import triton
import triton.language as tl

ZERO = tl.constexpr(0)
PERIODIZATION = tl.constexpr(1)
CROPPED = tl.constexpr(2)
PERIODIC = tl.constexpr(3)
CONSTANT = tl.constexpr(4)
SYMMETRIC = tl.constexpr(5)
REFLECT = tl.constexpr(6)
OFFICIAL = tl.constexpr(7)


@triton.jit
def _modulo(q, n):
    return ((q % n) + n) % n  # the remainder has the sign of q


@triton.jit
def _reflected(q, n):
    phase = _modulo(q, tl.maximum(2 * n - 2, 1))
    return tl.minimum(phase, tl.maximum(2 * n - 2 - phase, 0))


@triton.jit
def _source(q, n, TAPS: tl.constexpr, RULE: tl.constexpr):
    """Index of the sample that stands at position q outside a signal of length n; -1: there is a zero."""
    some = tl.maximum(n, 1)
    if RULE == PERIODIZATION:  # of even period: the last sample of an odd signal is repeated
        index = tl.minimum(_modulo(q, some + some % 2), some - 1)
    elif RULE == CROPPED:  # of even period: an odd signal goes on with a zero
        index = _modulo(q, some + some % 2)
        index = tl.where(index < some, index, -1)
    elif RULE == PERIODIC:
        index = _modulo(q, some)
    elif RULE == CONSTANT:
        index = tl.minimum(tl.maximum(q, 0), some - 1)
    elif RULE == SYMMETRIC:
        index = _modulo(q, 2 * some)
        index = tl.minimum(index, 2 * some - 1 - index)
    elif RULE == REFLECT:
        index = _reflected(q, some)
    elif RULE == OFFICIAL:  # reflected by taps - 2 on either side and made even, then periodic
        index = _reflected(_modulo(q + TAPS - 2, some + some % 2 + 2 * (TAPS - 2)) - (TAPS - 2), some)
    else:
        index = tl.where((q >= 0) & (q < n), q, -1)
    return tl.where(n > 0, index, -1)


@triton.jit
def _inner(row, first, stride, known, COUNT: tl.constexpr):
    samples = ()
    for i in tl.static_range(COUNT):
        samples = samples + (tl.load(row + (first + i) * stride, mask=known, other=0.0),)
    return samples


@triton.jit
def _outer(row, first, stride, n, known, COUNT: tl.constexpr, TAPS: tl.constexpr, RULE: tl.constexpr):
    samples = ()
    for i in tl.static_range(COUNT):
        index = _source(first + i, n, TAPS, RULE)
        there = known & (index >= 0)
        samples = samples + (tl.load(row + index * stride, mask=there, other=0.0),)
    return samples


@triton.jit
def _samples(row, first, stride, n, known, COUNT: tl.constexpr, TAPS: tl.constexpr, RULE: tl.constexpr):
    """COUNT samples of a row from position `first` on, as a tuple of vectors over the channels."""
    if COUNT == 0:
        samples = ()
    elif (first >= 0) & (first + COUNT <= n):
        samples = _inner(row, first, stride, known, COUNT)
    else:
        samples = _outer(row, first, stride, n, known, COUNT, TAPS, RULE)
    return samples


@triton.jit
def _single(samples, COUNT: tl.constexpr):
    single = ()
    for i in tl.static_range(COUNT):
        single = single + (samples[i].to(tl.float32),)
    return single


@triton.jit
def _taps(filters, stride, known, TAPS: tl.constexpr):
    taps = ()
    for k in tl.static_range(TAPS):
        taps = taps + (tl.load(filters + k * stride, mask=known, other=0.0).to(tl.float32),)
    return taps


@triton.jit
def _place(channels, tiles, BLOCK: tl.constexpr):
    """The channels, the tile and the row of the batch that this program works on."""
    program, blocks = tl.program_id(0), tl.cdiv(channels, BLOCK)
    return (program % blocks) * BLOCK + tl.arange(0, BLOCK), program // blocks % tiles, program // blocks // tiles


LENGTHS = ("n", "count", "offset", "tiles", "rows")


@triton.jit(do_not_specialize=LENGTHS)
def down(
    x, low_filter, high_filter, low, high, lengths, counts, n, count, offset, channels, x_batch, x_length,
    tap_stride, channel_stride, tiles, rows,
    TAPS: tl.constexpr, RULE: tl.constexpr, MASKED: tl.constexpr, BLOCK: tl.constexpr, UNROLL: tl.constexpr,
):  # fmt: skip
    """`low[m] = sum_k low_filter[k] x[2 m + k - offset]`, and the same for high."""
    c, tile, batch = _place(channels, tiles, BLOCK)
    known, batch = c < channels, batch.to(tl.int64)
    valid = count
    if MASKED:
        n, valid = tl.load(lengths + batch).to(tl.int32), tl.load(counts + batch).to(tl.int32)
    row = x + batch * x_batch + c
    low_row, high_row = low + batch * count * channels + c, high + batch * count * channels + c
    low_taps = _taps(low_filter + c * channel_stride, tap_stride, known, TAPS)
    high_taps = _taps(high_filter + c * channel_stride, tap_stride, known, TAPS)
    start = tile * rows
    front = TAPS - 2 - offset
    window = _single(_samples(row, 2 * start - offset, x_length, n, known, TAPS - 2, TAPS, RULE), TAPS - 2)
    loaded = _samples(row, 2 * start + front, x_length, n, known, 2 * UNROLL, TAPS, RULE)
    for m in range(start, tl.minimum(start + rows, count), UNROLL):
        span = window + _single(loaded, 2 * UNROLL)
        # Under way during the sums. Those of the last round are loaded in vain.
        loaded = _samples(row, 2 * (m + UNROLL) + front, x_length, n, known, 2 * UNROLL, TAPS, RULE)
        for u in tl.static_range(UNROLL):
            low_sum, high_sum = low_taps[0] * span[2 * u], high_taps[0] * span[2 * u]
            for k in tl.static_range(1, TAPS):
                low_sum += low_taps[k] * span[2 * u + k]
                high_sum += high_taps[k] * span[2 * u + k]
            there, place = known & (m + u < count), (m + u) * channels
            tl.store(low_row + place, tl.where(m + u < valid, low_sum, 0.0).to(low.dtype.element_ty), mask=there)
            tl.store(high_row + place, tl.where(m + u < valid, high_sum, 0.0).to(high.dtype.element_ty), mask=there)
        window = span[2 * UNROLL :]


@triton.jit
def _extended(
    low_row, high_row, low_taps, high_taps, position, stride_low, stride_high, tap_stride, valid, known,
    TAPS: tl.constexpr,
):  # fmt: skip
    """The sum of `up` at one position of the extended signal, counted from its front."""
    t, phase = position // 2, position % 2
    total = tl.zeros(known.shape, tl.float32)
    for j in range(TAPS // 2):
        there = known & (t - j >= 0) & (t - j < valid)
        k = (2 * j + phase) * tap_stride
        low_tap, high_tap = tl.load(low_taps + k, mask=known, other=0.0), tl.load(high_taps + k, mask=known, other=0.0)
        low = tl.load(low_row + (t - j) * stride_low, mask=there, other=0.0)
        high = tl.load(high_row + (t - j) * stride_high, mask=there, other=0.0)
        total += low_tap.to(tl.float32) * low.to(tl.float32) + high_tap.to(tl.float32) * high.to(tl.float32)
    return total


@triton.jit(do_not_specialize=LENGTHS)
def up(
    low, high, low_filter, high_filter, y, lengths, counts, n, count, offset, channels, low_batch, low_length,
    high_batch, high_length, tap_stride, channel_stride, tiles, rows,
    TAPS: tl.constexpr, RULE: tl.constexpr, MASKED: tl.constexpr, BLOCK: tl.constexpr, UNROLL: tl.constexpr,
):  # fmt: skip
    """`y[2 m + k - offset] += low_filter[k] low[m] + high_filter[k] high[m]`, also from outside through the rule."""
    c, tile, batch = _place(channels, tiles, BLOCK)
    known, batch = c < channels, batch.to(tl.int64)
    total, valid = n, count
    if MASKED:
        n, valid = tl.load(lengths + batch).to(tl.int32), tl.load(counts + batch).to(tl.int32)
    low_row, high_row = low + batch * low_batch + c, high + batch * high_batch + c
    out = y + batch * total * channels + c
    low_column, high_column = low_filter + c * channel_stride, high_filter + c * channel_stride
    low_taps = _taps(low_column, tap_stride, known, TAPS)
    high_taps = _taps(high_column, tap_stride, known, TAPS)
    HALF: tl.constexpr = TAPS // 2
    start = offset // 2 + tile * rows
    lows = _single(_samples(low_row, start - HALF + 1, low_length, valid, known, HALF - 1, TAPS, ZERO), HALF - 1)
    highs = _single(_samples(high_row, start - HALF + 1, high_length, valid, known, HALF - 1, TAPS, ZERO), HALF - 1)
    loaded_low = _samples(low_row, start, low_length, valid, known, UNROLL, TAPS, ZERO)
    loaded_high = _samples(high_row, start, high_length, valid, known, UNROLL, TAPS, ZERO)
    behind = tl.maximum(2 * valid + TAPS - 2 - offset - n, 0)  # samples beyond the end
    near = tl.maximum(offset, behind) + 1  # how far from an end they are added
    for t in range(start, tl.minimum(start + rows, (offset + total + 1) // 2), UNROLL):
        low_span, high_span = lows + _single(loaded_low, UNROLL), highs + _single(loaded_high, UNROLL)
        loaded_low = _samples(low_row, t + UNROLL, low_length, valid, known, UNROLL, TAPS, ZERO)
        loaded_high = _samples(high_row, t + UNROLL, high_length, valid, known, UNROLL, TAPS, ZERO)
        first = 2 * t - offset
        sums = ()
        for u in tl.static_range(2 * UNROLL):
            sum = low_taps[u % 2] * low_span[HALF - 1 + u // 2] + high_taps[u % 2] * high_span[HALF - 1 + u // 2]
            for j in tl.static_range(1, HALF):
                sum += low_taps[2 * j + u % 2] * low_span[HALF - 1 + u // 2 - j]
                sum += high_taps[2 * j + u % 2] * high_span[HALF - 1 + u // 2 - j]
            sums = sums + (sum,)
        if RULE != ZERO:
            if (first < near) | (first + 2 * UNROLL > n - near):
                for e in range(0, offset + behind):
                    q = tl.where(e < offset, e - offset, n + e - offset)
                    index = _source(q, n, TAPS, RULE)
                    if (index >= first) & (index < first + 2 * UNROLL):
                        outside = _extended(
                            low_row, high_row, low_column, high_column, q + offset, low_length, high_length,
                            tap_stride, valid, known, TAPS,
                        )  # fmt: skip
                        changed = ()
                        for u in tl.static_range(2 * UNROLL):
                            changed = changed + (sums[u] + tl.where(index == first + u, outside, 0.0),)
                        sums = changed
        for u in tl.static_range(2 * UNROLL):
            i = first + u
            value = tl.where(i < n, sums[u], 0.0).to(y.dtype.element_ty)
            tl.store(out + i * channels, value, mask=known & (i >= 0) & (i < total))
        lows, highs = low_span[UNROLL:], high_span[UNROLL:]


@triton.jit(do_not_specialize=LENGTHS)
def gradient(
    x, low, high, low_gradient, high_gradient, lengths, counts, n, count, offset, channels, x_batch, x_length,
    low_batch, low_length, high_batch, high_length, tiles, rows,
    TAPS: tl.constexpr, FILTER: tl.constexpr, RULE: tl.constexpr, MASKED: tl.constexpr, BLOCK: tl.constexpr,
    UNROLL: tl.constexpr,
):  # fmt: skip
    """`sum_m x[2 m + k - offset] low[m]` over one tile, and the same for high: (batch * tiles, taps, channels).

    TAPS are those that one launch can keep in registers, of a filter of FILTER.
    """
    c, tile, batch = _place(channels, tiles, BLOCK)
    known, part, batch = c < channels, batch.to(tl.int64) * tiles + tile, batch.to(tl.int64)
    valid = count
    if MASKED:
        n, valid = tl.load(lengths + batch).to(tl.int32), tl.load(counts + batch).to(tl.int32)
    row, low_row, high_row = x + batch * x_batch + c, low + batch * low_batch + c, high + batch * high_batch + c
    start = tile * rows
    low_sums = (tl.zeros((BLOCK,), tl.float32),) * TAPS
    high_sums = (tl.zeros((BLOCK,), tl.float32),) * TAPS
    end, front = tl.minimum(start + rows, valid), TAPS - 2 - offset
    window = _single(_samples(row, 2 * start - offset, x_length, n, known, TAPS - 2, FILTER, RULE), TAPS - 2)
    loaded = _samples(row, 2 * start + front, x_length, n, known, 2 * UNROLL, FILTER, RULE)
    loaded_low = _samples(low_row, start, low_length, end, known, UNROLL, FILTER, ZERO)
    loaded_high = _samples(high_row, start, high_length, end, known, UNROLL, FILTER, ZERO)
    for m in range(start, end, UNROLL):
        span = window + _single(loaded, 2 * UNROLL)
        lows, highs = _single(loaded_low, UNROLL), _single(loaded_high, UNROLL)
        loaded = _samples(row, 2 * (m + UNROLL) + front, x_length, n, known, 2 * UNROLL, FILTER, RULE)
        loaded_low = _samples(low_row, m + UNROLL, low_length, end, known, UNROLL, FILTER, ZERO)
        loaded_high = _samples(high_row, m + UNROLL, high_length, end, known, UNROLL, FILTER, ZERO)
        for u in tl.static_range(UNROLL):
            more_low, more_high = (), ()
            for k in tl.static_range(TAPS):
                more_low = more_low + (low_sums[k] + lows[u] * span[2 * u + k],)
                more_high = more_high + (high_sums[k] + highs[u] * span[2 * u + k],)
            low_sums, high_sums = more_low, more_high
        window = span[2 * UNROLL :]
    for k in tl.static_range(TAPS):
        tl.store(low_gradient + (part * TAPS + k) * channels + c, low_sums[k], mask=known)
        tl.store(high_gradient + (part * TAPS + k) * channels + c, high_sums[k], mask=known)
