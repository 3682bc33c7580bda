"""The corridor that a body sweeps when it goes straight on: who is in the way, and how near.

Pinhole geometry. A pixel with the ray ``(x, y) = ((u - cx) / fx, (v - cy) / fy)`` and the inverse depth ``rho`` shows a
point ``|x| / rho`` metres beside and ``|y| / rho`` metres above or below the optical axis. It lies in the corridor when
both are within half the corridor's width and height, which is one comparison with a table computed once per size::

    rho >= max(|x| / half_width_m, |y| / half_height_m)

Teacher, student, truth and agent all ask this one question, so that "obstacle" means the same thing in all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Estimate

Intrinsics: TypeAlias = tuple[float, float, float, float]
"""fx, fy, cx, cy [px] at full camera size; pixel centres at whole numbers, as in ROS."""

Size: TypeAlias = tuple[int, int]
"""Width, height [px]."""

QUANTITY = "inverse_depth_per_m"
_LN_10 = math.log(10.0)


@dataclass(frozen=True)
class CorridorConfig:
    """What counts as "in the way".

    Attributes:
        half_width_m: half the corridor's width: the body's radius and a margin.
        half_height_m: half the corridor's height.
        order_share: the score is the k-th largest inverse depth in the corridor, k being this share of the picture's
            pixels. At 0.01 a pole of 4 cm at 1.4 m counts (58 degrees across), and single noisy pixels do not;
            beyond 6 m the corridor is smaller than that share: what is so far away counts as free.
        window_m: the window in which validity is asked for is the corridor's cross-section at this depth.
        min_valid_share: below this share of valid pixels in the window the view counts as blocked: a cue that sees
            nothing straight ahead must not be flown into.
        blind_score_per_m: the score of such a view [1/m]; larger than that of anything a camera resolves.
    """

    half_width_m: float = 0.40
    half_height_m: float = 0.30
    order_share: float = 0.01
    window_m: float = 1.4
    min_valid_share: float = 0.25
    blind_score_per_m: float = 10.0

    def __post_init__(self) -> None:
        for name in ("half_width_m", "half_height_m", "window_m", "blind_score_per_m"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise BadInputError(f"corridor setting {name} must be a finite number above 0, got {value}")
        for name in ("order_share", "min_valid_share"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise BadInputError(f"corridor setting {name} must lie in [0, 1), got {value}")


def intrinsics_of(info: CameraInfo) -> Intrinsics:
    """Return the rectified camera's intrinsics (from ``p``; from ``k`` where ``p`` is not filled in)."""
    if info.p[0] > 0:
        return info.p[0], info.p[5], info.p[2], info.p[6]
    return info.k[0], info.k[4], info.k[2], info.k[5]


def obstacle_score(
    inverse_depth: npt.NDArray[np.floating],
    valid: npt.NDArray[np.bool_],
    intrinsics: Intrinsics,
    full_size: Size,
    config: CorridorConfig | None = None,
) -> float:
    """Return how near the nearest obstacle in the corridor is, as inverse depth [1/m]; 0 where the way is free.

    The k-th largest inverse depth among the corridor's valid pixels (see ``CorridorConfig.order_share``), at most
    ``blind_score_per_m``, and exactly that where too few pixels of the window are valid.

    Args:
        inverse_depth: (h, w) [1/m], any resolution of the same field of view; non-finite values are not valid.
        valid: (h, w) bool.
        intrinsics: fx, fy, cx, cy [px] of the full-size camera.
        full_size: width and height [px] to which ``intrinsics`` belong.
        config: the corridor; None for the default.

    Raises:
        BadInputError: the arrays are not two-dimensional or differ in shape, or the intrinsics are not usable.
    """
    config = config or _DEFAULT
    if inverse_depth.ndim != 2 or valid.shape != inverse_depth.shape:
        raise BadInputError(
            f"corridor score needs inverse depth (h, w) and a mask of that shape, "
            f"got {inverse_depth.shape} and {valid.shape}"
        )
    table, rows, columns = _table(inverse_depth.shape, intrinsics, full_size, config)
    usable = valid & np.isfinite(inverse_depth)
    window = usable[rows, columns]
    if np.count_nonzero(window) < config.min_valid_share * window.size:
        return config.blind_score_per_m
    inside = inverse_depth[usable & (inverse_depth >= table)]
    k = max(1, round(config.order_share * inverse_depth.size))
    if inside.size < k:
        return 0.0
    score = float(np.partition(inside, inside.size - k)[inside.size - k])
    return min(max(score, 0.0), config.blind_score_per_m)


def estimate_score(
    estimate: Estimate,
    intrinsics: Intrinsics,
    full_size: Size,
    config: CorridorConfig | None = None,
    *,
    pessimism: float = 0.0,
) -> float:
    """Return the obstacle score [1/m] of an estimate of inverse depth, a picture or one number for the whole view.

    Args:
        estimate: of ``inverse_depth_per_m``; one number is taken as the score itself, and as blocked where not valid.
        intrinsics, full_size, config: as for ``obstacle_score``.
        pessimism: score ``value + pessimism * b`` instead of ``value``: b is the scale of the Laplace distribution to
            which the 90 % interval belongs, (upper - value) / ln 10.

    Raises:
        BadInputError: the estimate is of something else.
    """
    config = config or _DEFAULT
    if estimate.quantity != QUANTITY:
        raise BadInputError(
            f"estimate of {estimate.cue!r} from {estimate.source!r} is of {estimate.quantity!r}; "
            f"the corridor needs {QUANTITY!r}"
        )
    value = estimate.value
    if pessimism:
        value = value + (pessimism / _LN_10) * (estimate.upper - estimate.value)
    if value.shape != (1,):
        return obstacle_score(value, estimate.valid, intrinsics, full_size, config)
    score = float(value[0])
    if not (estimate.valid[0] and math.isfinite(score)):
        return config.blind_score_per_m
    return min(max(score, 0.0), config.blind_score_per_m)


def nearest_depth(
    depth: npt.NDArray[np.floating], intrinsics: Intrinsics, half_width_m: float, half_height_m: float
) -> float:
    """Return the depth [m] of the nearest pixel in the corridor, exactly; inf where none is in it.

    For truth: no order statistic, no noise allowance.

    Args:
        depth: (H, W) metres along the optical axis at full size; values that are not finite or not above 0 are no
            surface.
        intrinsics: fx, fy, cx, cy [px] of that picture.
        half_width_m, half_height_m: half the corridor's width and height.
    """
    if depth.ndim != 2:
        raise BadInputError(f"nearest depth needs a picture (H, W), got shape {depth.shape}")
    height, width = depth.shape
    config = CorridorConfig(half_width_m, half_height_m)
    table, _, _ = _table((height, width), intrinsics, (width, height), config)
    with np.errstate(invalid="ignore"):  # inf * 0 on the axis gives NaN, which compares as False
        inside = (depth > 0) & (depth * table <= 1.0)
    return float(np.min(depth, where=inside & np.isfinite(depth), initial=math.inf))


_DEFAULT = CorridorConfig()


@lru_cache(maxsize=64)
def _table(
    shape: tuple[int, ...], intrinsics: Intrinsics, full_size: Size, config: CorridorConfig
) -> tuple[npt.NDArray[np.float32], slice, slice]:
    """Return the least inverse depth (h, w) [1/m] at which each pixel is in the corridor, and the window's slices."""
    (height, width), (full_width, full_height) = shape, full_size
    fx, fy, cx, cy = intrinsics
    if min(width, height, full_width, full_height) <= 0 or not (fx > 0 and fy > 0):
        raise BadInputError(
            f"corridor of a {width} x {height} px picture, camera {full_width} x {full_height} px, "
            f"fx {fx}, fy {fy} px: all must be above 0"
        )
    # A smaller picture's pixel covers several of the camera's: its centre lies between theirs.
    u = (np.arange(width) + 0.5) * (full_width / width) - 0.5
    v = (np.arange(height) + 0.5) * (full_height / height) - 0.5
    side, rise = np.abs(u - cx) / fx, np.abs(v - cy) / fy
    table = np.maximum(side[None, :] / config.half_width_m, rise[:, None] / config.half_height_m).astype(np.float32)
    table.setflags(write=False)
    return (
        table,
        _span(rise <= config.half_height_m / config.window_m),
        _span(side <= config.half_width_m / config.window_m),
    )


def _span(inside: npt.NDArray[np.bool_]) -> slice:
    """Return the slice that covers the True entries (all of it where there is none: the axis is out of the picture)."""
    found = np.flatnonzero(inside)
    return slice(int(found[0]), int(found[-1]) + 1) if found.size else slice(0, inside.size)
