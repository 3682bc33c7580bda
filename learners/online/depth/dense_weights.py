"""Weights of the dense student, by name: what they are, and whether they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.online.depth.dense_config import DenseConfig
from selfcue.learners.online.depth.sizes import DepthSizes
from selfcue.state import State


def weights_kind(sizes: DepthSizes, config: DenseConfig) -> dict[str, Any]:
    """Return what must be equal for weights to mean the same: the net, its input, and the range of its output."""
    return {
        "student": "dense",
        "channels": sizes.channels,
        "widths": list(config.widths),
        "rho_max_per_m": config.rho_max_per_m,
        "from_mean": config.from_mean,
    }


def vector_of(
    weights: State, kind: Mapping[str, Any], names: Sequence[tuple[str, tuple[int, ...]]]
) -> npt.NDArray[np.float32]:
    """Return ``weights`` as one vector in the order of ``names`` (name, shape).

    Raises:
        BadInputError: they are of another kind, or a parameter is missing or of another shape.
    """
    for name, value in kind.items():
        if weights.meta.get(name) != value:
            raise BadInputError(
                f"these weights have {name} {weights.meta.get(name)!r}, this student {value!r}; "
                "start it with the settings that they were learned with"
            )
    parts = []
    for name, shape in names:
        found = weights.arrays.get(name)
        if found is None or found.shape != shape:
            raise BadInputError(
                f"these weights have {name!r} of shape {None if found is None else found.shape}, "
                f"this student's is {shape}"
            )
        parts.append(found.reshape(-1))
    return np.concatenate(parts)
