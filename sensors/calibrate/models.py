"""Whether another lens model fits the same views better: a wrong one fits the middle and leaves the edge out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.sensors.calibrate.solve import LensSolution, solve_lens
from selfcue.sensors.calibrate.verdict import Check
from selfcue.sensors.lens import COEFFICIENTS


def whole_rms_px(solution: LensSolution) -> float:
    """Return the error over all views, those too that were left out."""
    used = [(len(view.ids), error) for view, error in zip(solution.views, solution.view_rms_px, strict=True)]
    out = [(len(view.ids), error) for view, error in solution.rejected]
    counts, errors = np.array(used + out, dtype=np.float64).T
    return float(np.sqrt((counts * np.square(errors)).sum() / counts.sum()))


def judge_model(solution: LensSolution, points: npt.NDArray[np.float64], *, side: str = "") -> Check:
    """Return the check of a lens's model against the other models, each fitted to all of its views.

    A model that has more freedom fits a little better always; a third better is more than that.
    """
    views = [*solution.views, *(view for view, _ in solution.rejected)]
    found: dict[str, float] = {}
    for model in COEFFICIENTS:
        if model == solution.lens.model:
            continue
        try:
            found[model] = whole_rms_px(solve_lens(views, points, model))
        except BadInputError:  # that one cannot be fitted at all
            continue
    ours = whole_rms_px(solution)
    least = min(found.values(), default=ours)
    # Of those that fit as well as the best, the one with the fewest coefficients is named.
    near = [model for model in found if found[model] <= 1.05 * least]
    best = min(near, key=lambda model: COEFFICIENTS[model], default=solution.lens.model)
    mend = f"use --model {best}: over all views it fits to {found.get(best, ours):.2f} px, this one to {ours:.2f} px"
    name = f"{side} error over that of the best other model".strip()
    return Check(name, ours / max(least, 1e-3), 1.35, 2.0, mend)
