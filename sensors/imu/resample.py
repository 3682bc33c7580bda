"""Samples of a unit put on a common clock: linear or low-pass filtered, never across a gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError

Stamps = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Resampled:
    """Values on an even clock.

    Attributes:
        stamps_ns: (M,) even, multiples of the period since 0, so that units resampled apart fit together.
        values: (M, C); NaN where nothing is known.
        valid: (M,) bool.
    """

    stamps_ns: Stamps
    values: Values
    valid: npt.NDArray[np.bool_]


def resample(
    stamps_ns: Stamps,
    values: Values,
    *,
    rate_hz: float,
    start_ns: int | None = None,
    end_ns: int | None = None,
    max_gap_s: float = 0.1,
    method: Literal["linear", "fir"] = "fir",
    half_width: int = 8,
) -> Resampled:
    """Return ``values`` at the multiples of ``1 / rate_hz`` from ``start_ns`` to ``end_ns``.

    ``linear`` joins neighbours by straight lines: right where the rate does not fall. ``fir`` weighs neighbours with a
    Hann-windowed sinc whose cut-off lies at 0.45 of the lower of both rates, evaluated where each output lies (a
    polyphase filter with as many phases as there are offsets), and normalised, so that a constant stays one.

    Args:
        stamps_ns: (N,) rising.
        values: (N, C) or (N,).
        rate_hz: of the output.
        start_ns, end_ns: of the output; by default of the input.
        max_gap_s: neighbours further apart than this are not joined, and no output is made between them.
        method: see above.
        half_width: of the filter, in periods of the lower rate.

    Raises:
        BadInputError: shapes, rate or order are wrong.
    """
    table = np.asarray(values, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    stamps = np.asarray(stamps_ns, dtype=np.int64)
    if table.ndim != 2 or stamps.shape != (len(table),):
        raise BadInputError(f"resample: stamps {stamps.shape} and values {np.shape(values)} do not belong together")
    if not (0 < rate_hz < 1e6) or max_gap_s <= 0 or half_width < 1:
        raise BadInputError(
            f"resample: rate_hz {rate_hz}, max_gap_s {max_gap_s}, half_width {half_width} must be above 0"
        )
    if (np.diff(stamps) <= 0).any():
        raise BadInputError("resample: stamps do not rise; sort them and leave out those that come twice")
    clock = _clock(stamps, rate_hz, start_ns, end_ns)
    out = np.full((len(clock), table.shape[1]), np.nan)
    usable = np.isfinite(table).all(axis=1)
    stamps, table = stamps[usable], table[usable]
    if len(stamps) >= 2 and len(clock):
        gap_ns = round(max_gap_s * 1e9)
        segment = np.concatenate([[0], np.cumsum(np.diff(stamps) > gap_ns)])
        inside, before = _inside(stamps, segment, clock)
        if method == "linear":
            out[inside] = _linear(stamps, table, clock[inside], before[inside])
        else:
            out[inside] = _fir(stamps, table, segment, clock[inside], before[inside], rate_hz, half_width)
    return Resampled(clock, out, np.isfinite(out).all(axis=1))


def _clock(stamps: Stamps, rate_hz: float, start_ns: int | None, end_ns: int | None) -> Stamps:
    if not len(stamps) and (start_ns is None or end_ns is None):
        return np.zeros(0, dtype=np.int64)
    first_ns = int(stamps[0]) if start_ns is None else start_ns
    last_ns = int(stamps[-1]) if end_ns is None else end_ns
    period = 1e9 / rate_hz
    if period.is_integer():  # exact at any size
        step = int(period)
        first, last = -(-first_ns // step), last_ns // step
        return np.arange(first, last + 1, dtype=np.int64) * step
    first, last = int(np.ceil(first_ns / period)), int(np.floor(last_ns / period))
    return np.round(np.arange(first, last + 1) * np.longdouble(period)).astype(np.int64)


def _inside(stamps: Stamps, segment: npt.NDArray[np.int64], clock: Stamps) -> tuple[npt.NDArray[np.bool_], Stamps]:
    """Return which outputs lie within a segment, and the sample at or before each."""
    before = np.searchsorted(stamps, clock, side="right") - 1
    held = np.clip(before, 0, len(stamps) - 1)
    after = np.clip(held + (stamps[held] < clock), 0, len(stamps) - 1)
    inside = (before >= 0) & (stamps[after] >= clock) & (segment[held] == segment[after])
    return inside, held


def _linear(stamps: Stamps, table: Values, clock: Stamps, before: Stamps) -> Values:
    after = np.minimum(before + 1, len(stamps) - 1)
    width = np.maximum(stamps[after] - stamps[before], 1)
    share = ((clock - stamps[before]) / width)[:, None]
    found: Values = table[before] * (1 - share) + table[after] * share
    return found


def _fir(
    stamps: Stamps,
    table: Values,
    segment: npt.NDArray[np.int64],
    clock: Stamps,
    before: Stamps,
    rate_hz: float,
    half_width: int,
) -> Values:
    spacing_s = float(np.median(np.diff(stamps))) * 1e-9
    low_hz = min(rate_hz, 1 / spacing_s)
    reach_s = half_width / low_hz
    taps = int(np.ceil(reach_s / spacing_s)) + 1
    offsets = np.arange(-taps + 1, taps + 1)
    index = before[:, None] + offsets
    there = (index >= 0) & (index < len(stamps))
    index = np.clip(index, 0, len(stamps) - 1)
    there &= segment[index] == segment[before][:, None]
    away_s = (stamps[index] - clock[:, None]) * 1e-9
    window = np.where(np.abs(away_s) < reach_s, 0.5 + 0.5 * np.cos(np.pi * away_s / reach_s), 0.0)
    share_s = np.minimum(_share_s(stamps, segment)[index], 2 * spacing_s)  # of time that each stands for
    weight = np.sinc(0.9 * low_hz * away_s) * window * share_s * there
    total = weight.sum(axis=1)
    found: Values = np.einsum("mt,mtc->mc", weight, table[index]) / total[:, None]
    return found


def _share_s(stamps: Stamps, segment: npt.NDArray[np.int64]) -> Values:
    """Return half the time to each neighbour of the same segment; at an end, twice that to the one it has."""
    step = np.diff(stamps) * 1e-9
    same = np.diff(segment) == 0
    left, right = np.concatenate([[0.0], step * same]), np.concatenate([step * same, [0.0]])
    left, right = np.where(left == 0, right, left), np.where(right == 0, left, right)
    both: Values = (left + right) / 2
    return np.where(both > 0, both, float(np.median(step)))
