"""Triton kernels for the two inner loops and the gradient of their filters, with boundaries and masks built in.

One program walks along the length with a block of channels. The samples that the next coefficient needs again stay in
registers, so that every sample is read once; sums are in float32. Every sum has a fixed order: no atomics.

Rules say how a signal goes on beyond its ends. `down` reads x through a rule, `up` adds what lies beyond the ends back
through it, so that each is the adjoint of the other whatever the rule.
"""

# Triton has its own types, which mypy does not know, and of Python's tuples only what stands here.
# mypy: ignore-errors
# ruff: noqa: RUF005

import triton
import triton.language as tl

from wavspa_lit.wavelets.backends.triton_samples import (
    CROPPED,
    GROUP,
    MASKED,
    PERIODIZATION,
    ZERO,
    around,
    join,
    load_band,
    load_coefficients,
    load_samples,
    load_taps,
    load_tile,
    own_place,
    source_index,
    split,
)

LENGTHS = ("n", "count", "offset", "tiles", "rows", "rule", "masked")


@triton.jit(do_not_specialize=LENGTHS)
def down(
    x, low_filter, high_filter, low, high, lengths, counts, n, count, offset, channels, x_batch, x_length,
    tap_stride, channel_stride, tiles, rows, rule, masked,
    TAPS: tl.constexpr, BLOCK: tl.constexpr, VECTOR: tl.constexpr, UNROLL: tl.constexpr,
):  # fmt: skip
    """`low[m] = sum_k low_filter[k] x[2 m + k - offset]`, and the same for high."""
    c, tile, batch = own_place(channels, tiles, BLOCK, VECTOR)
    known, batch = c < channels, batch.to(tl.int64)
    n = tl.load(lengths + batch, mask=masked == MASKED, other=n).to(tl.int32)
    valid = tl.load(counts + batch, mask=masked == MASKED, other=count).to(tl.int32)
    row = x + batch * x_batch + c
    low_row, high_row = low + batch * count * channels + c, high + batch * count * channels + c
    low_column, high_column = low_filter + c * channel_stride, high_filter + c * channel_stride
    low_taps = load_taps(low_column, tap_stride, known, TAPS, BLOCK)
    high_taps = load_taps(high_column, tap_stride, known, TAPS, BLOCK)
    start = tile * rows
    end, front = tl.minimum(start + rows, valid), TAPS - 2 - offset
    window = load_samples(row, 2 * start - offset, x_length, n, rule, known, start < end, TAPS - 2, TAPS, BLOCK)
    loaded = load_tile(row, 2 * start + front, x_length, n, rule, known, start < end, 2 * UNROLL, TAPS)
    for m in range(start, tl.minimum(start + rows, count), UNROLL):
        span = window + split(loaded, 2 * UNROLL, BLOCK)
        # Under way during the sums.
        next = m + UNROLL
        loaded = load_tile(row, 2 * next + front, x_length, n, rule, known, next < end, 2 * UNROLL, TAPS)
        for group in tl.static_range(UNROLL // GROUP):
            lows, highs = (), ()
            for u in tl.static_range(group * GROUP, (group + 1) * GROUP):
                low_sum, high_sum = low_taps[0] * span[2 * u], high_taps[0] * span[2 * u]
                for k in tl.static_range(1, TAPS):
                    low_sum = tl.fma(low_taps[k], span[2 * u + k], low_sum)
                    high_sum = tl.fma(high_taps[k], span[2 * u + k], high_sum)
                lows, highs = lows + (low_sum,), highs + (high_sum,)
            i = m + group * GROUP + tl.arange(0, GROUP)[:, None]
            there, place = known[None, :] & (i < count), i * channels
            low_tile = tl.where(i < valid, join(lows, GROUP, BLOCK), 0.0)
            high_tile = tl.where(i < valid, join(highs, GROUP, BLOCK), 0.0)
            tl.store(low_row[None, :] + place, low_tile.to(low.dtype.element_ty), mask=there)
            tl.store(high_row[None, :] + place, high_tile.to(high.dtype.element_ty), mask=there)
        window = span[2 * UNROLL :]


@triton.jit
def _extended(
    low_row, high_row, low_filter, high_filter, position, stride_low, stride_high, tap_stride, valid, circular, known,
    TAPS: tl.constexpr,
):  # fmt: skip
    """The sum of `up` at one position of the extended signal, counted from its front."""
    t, phase = position // 2, position % 2
    total = tl.zeros(known.shape, tl.float32)
    for j in range(TAPS // 2):
        i = around(t - j, t - j, t - j, valid, circular)
        there = known & (i >= 0) & (i < valid)
        k = (2 * j + phase) * tap_stride
        low_tap = tl.load(low_filter + k, mask=known, other=0.0)
        high_tap = tl.load(high_filter + k, mask=known, other=0.0)
        low = tl.load(low_row + i * stride_low, mask=there, other=0.0)
        high = tl.load(high_row + i * stride_high, mask=there, other=0.0)
        total += low_tap.to(tl.float32) * low.to(tl.float32) + high_tap.to(tl.float32) * high.to(tl.float32)
    return total


@triton.jit(do_not_specialize=LENGTHS)
def up(
    low, high, low_filter, high_filter, y, lengths, counts, n, count, offset, channels, low_batch, low_length,
    high_batch, high_length, tap_stride, channel_stride, tiles, rows, rule, masked,
    TAPS: tl.constexpr, BLOCK: tl.constexpr, VECTOR: tl.constexpr, UNROLL: tl.constexpr,
):  # fmt: skip
    """`y[2 m + k - offset] += low_filter[k] low[m] + high_filter[k] high[m]`, also from outside through the rule."""
    c, tile, batch = own_place(channels, tiles, BLOCK, VECTOR)
    known, batch = c < channels, batch.to(tl.int64)
    total = n
    n = tl.load(lengths + batch, mask=masked == MASKED, other=n).to(tl.int32)
    valid = tl.load(counts + batch, mask=masked == MASKED, other=count).to(tl.int32)
    low_row, high_row = low + batch * low_batch + c, high + batch * high_batch + c
    out = y + batch * total * channels + c
    low_column, high_column = low_filter + c * channel_stride, high_filter + c * channel_stride
    low_taps = load_taps(low_column, tap_stride, known, TAPS, BLOCK)
    high_taps = load_taps(high_column, tap_stride, known, TAPS, BLOCK)
    HALF: tl.constexpr = TAPS // 2
    start = offset // 2 + tile * rows
    # A signal of even length goes around together with its bands, and what lies beyond its ends is added as it does.
    circular = (rule == PERIODIZATION) | (rule == CROPPED)
    lows = load_coefficients(low_row, start - HALF + 1, low_length, valid, circular, known, HALF - 1, BLOCK)
    highs = load_coefficients(high_row, start - HALF + 1, high_length, valid, circular, known, HALF - 1, BLOCK)
    loaded_low = load_band(low_row, start, low_length, valid, circular, known, UNROLL)
    loaded_high = load_band(high_row, start, high_length, valid, circular, known, UNROLL)
    behind = tl.maximum(2 * valid + TAPS - 2 - offset - n, 0)  # samples beyond the end
    near = tl.maximum(offset, behind) + 1  # how far from an end they are added
    # Those that a rule adds: with periodization only the sample that repeats the last one to make the length even.
    first_outer = tl.where(circular, offset, 0)
    last_outer = tl.where(circular, offset + tl.where(rule == PERIODIZATION, n % 2, 0), offset + behind)
    last_outer = tl.where(rule == ZERO, 0, last_outer)
    for t in range(start, tl.minimum(start + rows, (offset + total + 1) // 2), UNROLL):
        low_span, high_span = (
            lows + split(loaded_low, UNROLL, BLOCK),
            highs + split(loaded_high, UNROLL, BLOCK),
        )
        loaded_low = load_band(low_row, t + UNROLL, low_length, valid, circular, known, UNROLL)
        loaded_high = load_band(high_row, t + UNROLL, high_length, valid, circular, known, UNROLL)
        first = 2 * t - offset
        sums = ()
        for u in tl.static_range(2 * UNROLL):
            sum = high_taps[u % 2] * high_span[HALF - 1 + u // 2]
            sum = tl.fma(low_taps[u % 2], low_span[HALF - 1 + u // 2], sum)
            for j in tl.static_range(1, HALF):
                sum = tl.fma(low_taps[2 * j + u % 2], low_span[HALF - 1 + u // 2 - j], sum)
                sum = tl.fma(high_taps[2 * j + u % 2], high_span[HALF - 1 + u // 2 - j], sum)
            sums = sums + (sum,)
        i = first + tl.arange(0, 2 * UNROLL)[:, None]
        values = join(sums, 2 * UNROLL, BLOCK)
        if (first < near) | (first + 2 * UNROLL > n - near):
            for e in range(first_outer, last_outer):
                q = tl.where(e < offset, e - offset, n + e - offset)
                index = source_index(q, q, q, n, rule, TAPS)
                if (index >= first) & (index < first + 2 * UNROLL):
                    outside = _extended(
                        low_row, high_row, low_column, high_column, q + offset, low_length, high_length,
                        tap_stride, valid, circular, known, TAPS,
                    )  # fmt: skip
                    values += tl.where(i == index, outside[None, :], 0.0)
        there, place = known[None, :] & (i >= 0) & (i < total), i * channels
        tl.store(out[None, :] + place, tl.where(i < n, values, 0.0).to(y.dtype.element_ty), mask=there)
        lows, highs = low_span[UNROLL:], high_span[UNROLL:]


@triton.jit(do_not_specialize=LENGTHS)
def gradient(
    x, low, high, low_gradient, high_gradient, lengths, counts, n, count, offset, channels, x_batch, x_length,
    low_batch, low_length, high_batch, high_length, tiles, rows, rule, masked,
    TAPS: tl.constexpr, FILTER: tl.constexpr, BLOCK: tl.constexpr, VECTOR: tl.constexpr, UNROLL: tl.constexpr,
):  # fmt: skip
    """`sum_m x[2 m + k - offset] low[m]` over one tile, and the same for high: (batch * tiles, taps, channels).

    TAPS are those that one launch can keep in registers, of a filter of FILTER.
    """
    c, tile, batch = own_place(channels, tiles, BLOCK, VECTOR)
    known, part, batch = c < channels, batch.to(tl.int64) * tiles + tile, batch.to(tl.int64)
    n = tl.load(lengths + batch, mask=masked == MASKED, other=n).to(tl.int32)
    valid = tl.load(counts + batch, mask=masked == MASKED, other=count).to(tl.int32)
    row, low_row, high_row = x + batch * x_batch + c, low + batch * low_batch + c, high + batch * high_batch + c
    start = tile * rows
    low_sums = (tl.zeros((BLOCK,), tl.float32),) * TAPS
    high_sums = (tl.zeros((BLOCK,), tl.float32),) * TAPS
    end, front = tl.minimum(start + rows, valid), TAPS - 2 - offset
    window = load_samples(row, 2 * start - offset, x_length, n, rule, known, start < end, TAPS - 2, FILTER, BLOCK)
    loaded = load_tile(row, 2 * start + front, x_length, n, rule, known, start < end, 2 * UNROLL, FILTER)
    loaded_low = load_band(low_row, start, low_length, end, False, known, UNROLL)
    loaded_high = load_band(high_row, start, high_length, end, False, known, UNROLL)
    for m in range(start, end, UNROLL):
        span = window + split(loaded, 2 * UNROLL, BLOCK)
        lows, highs = split(loaded_low, UNROLL, BLOCK), split(loaded_high, UNROLL, BLOCK)
        next = m + UNROLL
        loaded = load_tile(row, 2 * next + front, x_length, n, rule, known, next < end, 2 * UNROLL, FILTER)
        loaded_low = load_band(low_row, next, low_length, end, False, known, UNROLL)
        loaded_high = load_band(high_row, next, high_length, end, False, known, UNROLL)
        for u in tl.static_range(UNROLL):
            more_low, more_high = (), ()
            for k in tl.static_range(TAPS):
                more_low = more_low + (tl.fma(lows[u], span[2 * u + k], low_sums[k]),)
                more_high = more_high + (tl.fma(highs[u], span[2 * u + k], high_sums[k]),)
            low_sums, high_sums = more_low, more_high
        window = span[2 * UNROLL :]
    for k in tl.static_range(TAPS // 2):
        place = c[None, :] + (part * TAPS + 2 * k + tl.arange(0, 2)[:, None]) * channels
        tl.store(low_gradient + place, join(low_sums[2 * k : 2 * k + 2], 2, BLOCK), mask=known[None, :])
        tl.store(high_gradient + place, join(high_sums[2 * k : 2 * k + 2], 2, BLOCK), mask=known[None, :])


# Triton finds a compiled kernel in its cache by a hash. For kernels that share functions it depends on which of them is
# hashed first (mended by Triton's pull request 10494). They are hashed here, because threads that compile them in any
# order would often not find what an earlier process has compiled.
for _kernel in (down, up, gradient):
    getattr(_kernel, "cache_key", None)  # interpreted kernels have none
