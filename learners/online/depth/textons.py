"""The texton student: the paper's own learner, one number for the whole view from its nearest remembered pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.online.depth.figures import LAPLACE_90, lesson_figures
from selfcue.learners.online.depth.resize import student_picture
from selfcue.learners.online.depth.sizes import DepthSizes
from selfcue.learners.online.depth.texton_config import TextonConfig
from selfcue.learners.online.depth.texton_words import Floats, TextonWords, features
from selfcue.learners.online.interfaces import ExportSpec, Lesson, Sample
from selfcue.messages import Estimate, Image
from selfcue.state import State, generator_from, generator_state


class TextonStudent:
    """k nearest neighbours over histograms of texton words; estimates are one number, shape (1,).

    Replay refreshes: each lesson that comes by is described anew with the words of today, so the table never mixes
    histograms of an unfinished dictionary with those of a finished one for long.

    Source: van Hecke et al. 2016, section on the monocular learner (kNN, k = 5).
    """

    def __init__(self, sizes: DepthSizes, config: TextonConfig | None = None, *, seed: int = 0) -> None:
        self.sizes = sizes
        self.config = config or TextonConfig()
        self.widen = 1.0
        self.steps = 0
        self._generator = np.random.default_rng(seed)
        self._words = TextonWords(self.config.words, self._generator)
        self._newest_id = -1
        self._table: dict[int, tuple[Floats, float]] = {}  # lesson id: features, target; longest untouched first
        self._deployed = self._snapshot()

    # -- Student ---------------------------------------------------------------------------------------------------

    def score(self, lessons: Sequence[Lesson]) -> Mapping[str, float]:
        """Return the mean figures of ``lessons`` with the deployed table (NaN while it is empty)."""
        rows = []
        for lesson in lessons:
            value, scale = self._say(lesson.inputs["image"])
            target = np.array([self._target(lesson)], dtype=np.float32)
            weight = np.isfinite(target + value).astype(np.float32)
            rows.append(lesson_figures(value, scale * np.float32(self.widen), np.nan_to_num(target), weight))
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}

    def residuals(self, lesson: Lesson) -> npt.NDArray[np.float32]:
        """Return |error| / half-width of the uncalibrated 90 % interval, (1,), or (0,) where nothing is known."""
        value, scale = self._say(lesson.inputs["image"])
        ratio: Floats = np.abs(value - np.float32(self._target(lesson))) / (np.float32(LAPLACE_90) * scale)
        return ratio[np.isfinite(ratio)]

    def study(self, lessons: Sequence[Lesson]) -> Mapping[str, float]:
        """Let new pictures pull the words, and (re)enter all of ``lessons`` in the table."""
        for lesson in sorted(lessons, key=lambda x: x.id):
            picture, target = lesson.inputs["image"], self._target(lesson)
            if lesson.id > self._newest_id:
                self._newest_id = lesson.id
                self._words.learn(picture)
            if np.isfinite(target):
                self._table.pop(lesson.id, None)
                self._table[lesson.id] = features(picture, self._words.words, self.config.words), target
        while len(self._table) > self.config.capacity:
            del self._table[next(iter(self._table))]
        self.steps += 1
        return {"pictures": float(len(self._table)), "skipped": 0.0}

    def estimate(self, sample: Sample) -> Estimate:
        """Return one number for the view, shape (1,), with its calibrated 90 % interval; not valid while untaught."""
        image = cast(Image, sample.inputs["image"])
        value, scale = self._say(student_picture(image, self.sizes))
        valid = np.isfinite(value)
        value, scale = np.nan_to_num(value), np.nan_to_num(scale) * np.float32(self.widen)
        half = np.float32(LAPLACE_90) * scale
        sure = 1.0 - np.exp(-self.config.tolerance * value / np.maximum(scale, np.float32(1e-9)))
        return Estimate(
            stamp_ns=image.stamp_ns,
            frame_id=image.frame_id,
            cue="student",
            quantity="inverse_depth_per_m",
            value=value,
            lower=np.maximum(value - half, np.float32(0.0)),
            upper=value + half,
            valid=valid,
            confidence=float(sure[0]) if valid[0] else 0.0,
            model_id=f"textons-{self.steps}",
        )

    def calibrate(self, widen: float) -> None:
        """From now on stretch the scale of every estimate by ``widen``."""
        self.widen = widen

    # -- weights that can be promoted: the words and the table -----------------------------------------------------

    def candidate(self) -> State:
        return self._snapshot()

    def deployed(self) -> State:
        return self._deployed

    def deploy(self, weights: State) -> None:
        self._deployed = weights

    def restart(self, weights: State) -> None:
        """Learn on from ``weights``; deploy them too."""
        self._deployed = weights
        self._words.words = weights.arrays["words"].copy()
        self._table = _table(weights)

    def export_weights(self) -> State:
        """Return the deployed words and table, with what it takes to use them."""
        meta = {"student": "textons", "target": self.config.target, "size": [self.sizes.width, self.sizes.height]}
        return State({**meta, "steps": self.steps, "widen": self.widen}, dict(self._deployed.arrays))

    def start_from(self, weights: State) -> None:
        """Start from what ``export_weights`` gave. Raises BadInputError where it is of another kind."""
        shape = (2, self.config.words.words, self.config.words.patch_px**2)
        found = weights.arrays.get("words", np.empty(0)).shape
        if weights.meta.get("student") != "textons" or weights.meta.get("target") != self.config.target:
            raise BadInputError(
                f"weights of a {weights.meta.get('student')!r} student (target {weights.meta.get('target')!r}) "
                f"do not fit a texton student (target {self.config.target!r})"
            )
        if found != shape:
            raise BadInputError(f"the words of these weights have shape {found}, this student's {shape}")
        self.widen = float(weights.meta["widen"])
        self.restart(State({}, {name: array.copy() for name, array in weights.arrays.items()}))

    # -- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> State:
        meta = {
            "steps": self.steps,
            "widen": self.widen,
            "newest_id": self._newest_id,
            "generator": generator_state(self._generator),
        }
        return State(meta).nested(words=self._words.state(), table=self._snapshot(), deployed=self._deployed)

    def load_state(self, state: State) -> None:
        self.steps, self.widen = int(state.meta["steps"]), float(state.meta["widen"])
        self._newest_id = int(state.meta["newest_id"])
        self._generator.bit_generator.state = generator_from(state.meta["generator"]).bit_generator.state
        self._table = _table(state.part("table"))
        self._words.load_state(state.part("words"))
        self._deployed = state.part("deployed")

    def export_spec(self) -> ExportSpec:
        raise BadInputError("the texton student is a table, not a net: there is nothing to export to ONNX; use dense")

    # -- inside ----------------------------------------------------------------------------------------------------

    def _target(self, lesson: Lesson) -> float:
        """Return the number that ``lesson`` teaches [1/m]; NaN where it teaches none."""
        if self.config.target == "corridor":
            target = float(lesson.target["obstacle_per_m"][0])
        else:
            known = lesson.target["inverse_depth_per_m"].astype(np.float32)
            weight = np.where(np.isfinite(known), lesson.target["weight"].astype(np.float32), np.float32(0.0))
            target = float((np.nan_to_num(known) * weight).sum() / weight.sum()) if weight.any() else np.nan
        return min(target, self.config.most_per_m) if np.isfinite(target) else np.nan

    def _say(self, picture: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Return value and scale [1/m], each (1,); NaN while the deployed table has too few pictures."""
        table = self._deployed.arrays
        k = self.config.neighbours
        if len(table["targets"]) < k:
            return np.full(1, np.nan, dtype=np.float32), np.full(1, np.nan, dtype=np.float32)
        distance = np.square(table["features"] - features(picture, table["words"], self.config.words)).sum(axis=1)
        near = table["targets"][np.argsort(distance, kind="stable")[:k]]
        scale = max(float(np.abs(near - near.mean()).mean()), self.config.least_scale_per_m)
        return near.mean(keepdims=True).astype(np.float32), np.full(1, scale, dtype=np.float32)

    def _snapshot(self) -> State:
        ids = np.fromiter(self._table, dtype=np.int64, count=len(self._table))
        rows = [row for row, _ in self._table.values()]
        table = np.stack(rows) if rows else np.zeros((0, self._words.size), dtype=np.float32)
        targets = np.array([target for _, target in self._table.values()], dtype=np.float32)
        return State({}, {"words": self._words.words.copy(), "ids": ids, "features": table, "targets": targets})


def _table(weights: State) -> dict[int, tuple[Floats, float]]:
    rows = zip(weights.arrays["ids"].tolist(), weights.arrays["features"], weights.arrays["targets"], strict=True)
    return {lesson_id: (row.copy(), float(target)) for lesson_id, row, target in rows}
