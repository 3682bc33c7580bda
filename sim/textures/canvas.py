"""What all patterns are drawn with: periodic noise, cells, marks and colours on one square tile of known size.

A tile is ``TILE_PX`` texels wide and ``TILE_M`` metres: patterns give lengths in metres, so that near and far look
different. Tiles repeat without a seam.
"""

from __future__ import annotations

import colorsys
import math

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]

TILE_PX = 512
TILE_M = 2.56
TEXEL_M = TILE_M / TILE_PX


def axes_m() -> tuple[Plane, Plane]:
    """Return the metric coordinates u (along columns) and v (along rows) of all texels, each (TILE_PX, TILE_PX)."""
    line = (np.arange(TILE_PX, dtype=np.float32) + 0.5) * TEXEL_M
    u, v = np.meshgrid(line, line)
    return u, v


def standard(plane: Plane) -> Plane:
    """Return ``plane`` shifted and scaled to mean 0 and deviation 1."""
    return np.asarray((plane - plane.mean()) / (plane.std() + 1e-9), dtype=np.float32)


def fractal(
    rng: np.random.Generator,
    *,
    fine_m: float,
    coarse_m: float,
    stretch: float = 1.0,
    angle_rad: float = 0.0,
    slope: float = 1.0,
) -> Plane:
    """Return periodic noise, standardised, whose waves are between ``fine_m`` and ``coarse_m`` long.

    ``slope`` 1 gives every octave the same contrast, so that neither a near nor a far view is flat. ``stretch`` > 1
    draws the waves out along ``angle_rad``.
    """
    rows, columns = np.fft.fftfreq(TILE_PX, d=TEXEL_M), np.fft.rfftfreq(TILE_PX, d=TEXEL_M)
    fu, fv = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    along = math.cos(angle_rad) * fu + math.sin(angle_rad) * fv
    across = -math.sin(angle_rad) * fu + math.cos(angle_rad) * fv
    frequency = np.hypot(along * stretch, across)
    inside = (frequency >= 1 / coarse_m) & (frequency <= 1 / fine_m)
    weight = np.where(inside, np.maximum(frequency, np.float32(1e-6)) ** np.float32(-slope), np.float32(0.0))
    spectrum = np.fft.rfft2(rng.standard_normal((TILE_PX, TILE_PX), dtype=np.float32))
    return standard(np.fft.irfft2(spectrum * weight, s=(TILE_PX, TILE_PX)).astype(np.float32))


def cells(rng: np.random.Generator, size_m: float, jitter: float = 0.75) -> tuple[npt.NDArray[np.int64], Plane, int]:
    """Return a periodic Voronoi diagram: cell number per texel, distance to the nearest border [m], cell count."""
    n = max(round(TILE_M / size_m), 2)
    pitch = TILE_M / n
    sites = (np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1) + 0.5).astype(np.float32)
    sites += rng.uniform(-jitter / 2, jitter / 2, sites.shape).astype(np.float32)
    u, v = axes_m()
    u, v = u / pitch, v / pitch
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    first = np.full(u.shape, np.inf, np.float32)
    second = first.copy()
    owner = np.zeros(u.shape, np.int64)
    for dr in (-1, 0, 1):
        for dc in (-1, 0, 1):
            r, c = row + dr, column + dc
            site = sites[r % n, c % n]
            du, dv = u - site[..., 0] - (c - c % n), v - site[..., 1] - (r - r % n)
            distance = np.sqrt(du * du + dv * dv)
            nearer = distance < first
            second = np.where(nearer, first, np.minimum(second, distance))
            owner = np.where(nearer, (r % n) * n + c % n, owner)
            first = np.where(nearer, distance, first)
    return owner, ((second - first) * pitch / 2).astype(np.float32), n * n


def marks(
    rng: np.random.Generator, ground: Plane, *, count: int, small_m: float, large_m: float, slim: float, spread: float
) -> Plane:
    """Return ``ground`` with ``count`` ellipses laid over it, each of one tone, as fallen leaves cover each other.

    Long half axes are spread evenly over the octaves from ``small_m`` to ``large_m``; ``slim`` is the short axis's
    share of the long one; tones have deviation ``spread``.
    """
    plane = ground.copy()
    radii = np.exp(rng.uniform(math.log(small_m), math.log(large_m), count)) / TEXEL_M
    middles = rng.uniform(0, TILE_PX, (count, 2))
    angles = rng.uniform(0, math.pi, count)
    tones = rng.normal(0.0, spread, count)
    for radius, (row, column), angle, tone in zip(radii, middles, angles, tones, strict=True):
        reach = math.ceil(radius)
        rows = np.arange(int(row) - reach, int(row) + reach + 1)
        columns = np.arange(int(column) - reach, int(column) + reach + 1)
        dv, du = (rows - row)[:, None], (columns - column)[None, :]
        along = math.cos(angle) * du + math.sin(angle) * dv
        across = (math.cos(angle) * dv - math.sin(angle) * du) / slim
        window = np.ix_(rows % TILE_PX, columns % TILE_PX)
        plane[window] = np.where(along * along + across * across <= radius * radius, tone, plane[window])
    return plane


def paint(rng: np.random.Generator, tone: Plane, tint: Plane, hues_deg: tuple[tuple[float, float], ...]) -> Plane:
    """Return the (TILE_PX, TILE_PX, 3) picture in [0, 1] of a pattern: its tones as light, its tints as colour.

    Mean and contrast are the same for all patterns, so that brightness says nothing about distance or surface.
    """
    low, high = hues_deg[int(rng.integers(len(hues_deg)))]
    hue = rng.uniform(low, high) / 360.0
    saturation = rng.uniform(0.15, 0.55)
    base = np.asarray(colorsys.hsv_to_rgb(hue, saturation, 1.0), np.float32)
    other = np.asarray(colorsys.hsv_to_rgb((hue + rng.uniform(-0.06, 0.06)) % 1.0, saturation * 0.4, 1.0), np.float32)
    light = 0.46 + rng.uniform(0.15, 0.19) * np.clip(standard(tone), -2.4, 2.4)
    share = np.clip(0.5 + 0.35 * standard(tint), 0.0, 1.0)[..., None]
    colour = base * share + other * (1.0 - share)
    colour /= (colour @ np.asarray([0.299, 0.587, 0.114], np.float32))[..., None]
    return np.asarray(np.clip(light[..., None] * colour, 0.02, 0.98), dtype=np.float32)
