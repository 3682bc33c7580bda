"""Small real parts that the learners' tests share: a scene whose look tells its depth, and a pair of one number."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from selfcue.learners.online.depth.sizes import DepthSizes
from selfcue.learners.online.interfaces import ExportSpec, Lesson, Revision, Sample
from selfcue.messages import Estimate, Image
from selfcue.state import State

NS = 1_000_000_000
WIDTH, HEIGHT = 64, 48
SIZES = DepthSizes(WIDTH, HEIGHT, 3)


def scene(seed: int, *, width: int = WIDTH, height: int = HEIGHT) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture (H, W, 3) uint8 and its inverse depth (H, W): a near striped box before a far plain wall."""
    rng = np.random.default_rng(seed)
    rho = np.full((height, width), 0.3, dtype=np.float32)
    gray = np.full((height, width), 70.0)
    w, h = rng.integers(width // 4, width // 2), rng.integers(height // 3, height // 2)
    x, y = rng.integers(width - w), rng.integers(height - h)
    rho[y : y + h, x : x + w] = 1.5
    gray[y : y + h, x : x + w] = 170.0 + 40.0 * (np.arange(w) // 2 % 2)
    picture = gray[..., None] + rng.normal(0.0, 6.0, (height, width, 3))
    return picture.clip(0, 255).astype(np.uint8), rho


def image_of(picture: np.ndarray, stamp_ns: int = 0) -> Image:
    return Image(stamp_ns=stamp_ns, frame_id="stereo_left_optical", encoding="rgb8", data=picture)


def trusted_of(rho: np.ndarray, stamp_ns: int = 0, valid: np.ndarray | None = None) -> Estimate:
    valid = np.isfinite(rho) if valid is None else valid
    return Estimate(
        stamp_ns=stamp_ns,
        frame_id="stereo_left_optical",
        cue="trusted",
        quantity="inverse_depth_per_m",
        value=rho.astype(np.float32),
        lower=rho.astype(np.float32),
        upper=rho.astype(np.float32),
        valid=valid,
        confidence=1.0,
    )


def depth_lesson(seed: int, *, lesson_id: int | None = None) -> Lesson:
    picture, rho = scene(seed)
    half = rho[::2, ::2].astype(np.float16)
    target: dict[str, np.ndarray] = {
        "inverse_depth_per_m": half,
        "weight": np.ones_like(half),
        "obstacle_per_m": np.array([rho[:, 20:44].mean()], dtype=np.float32),
    }
    return Lesson(seed if lesson_id is None else lesson_id, seed * NS // 10, 0, {"image": picture}, target)


def number_lesson(lesson_id: int, value: float = 1.0, *, stamp_ns: int | None = None, block: int = 0) -> Lesson:
    """Return a lesson of one number; its input is a vector that is unlike those of other ids."""
    rng = np.random.default_rng(lesson_id)
    return Lesson(
        lesson_id,
        lesson_id * NS // 10 if stamp_ns is None else stamp_ns,
        block,
        {"x": rng.normal(size=16).astype(np.float32)},
        {"y": np.array([value], dtype=np.float32)},
    )


@dataclasses.dataclass
class NumberTeacher:
    """Teaches the number that an image's first pixel shows; the input is drawn from the stamp."""

    next_id: int = 0
    shift_ns: int = 0
    trust: Any = "ok"

    def teach(self, sample: Sample) -> Iterable[Lesson | Revision]:
        image = sample.inputs["image"]
        assert isinstance(image, Image)
        lesson = number_lesson(self.next_id, float(image.data[0, 0]), stamp_ns=sample.stamp_ns + self.shift_ns)
        self.next_id += 1
        yield dataclasses.replace(lesson, trust=self.trust)

    def state(self) -> State:
        return State({"next_id": self.next_id})

    def load_state(self, state: State) -> None:
        self.next_id = state.meta["next_id"]


class NumberStudent:
    """Learns one number by moving towards the lessons' mean, with a little noise; remembers what it studied."""

    def __init__(self, seed: int = 0, rate: float = 0.1) -> None:
        self.widen = 1.0
        self.raw = 0.0
        self.flying = 0.0
        self.rate = rate
        self.studied: list[int] = []
        self.scored: list[int] = []
        self.poison: float | None = None
        self._rng = np.random.default_rng(seed)

    def score(self, lessons: Sequence[Lesson]) -> Mapping[str, float]:
        self.scored += [lesson.id for lesson in lessons]
        error = float(np.mean([abs(self.flying - float(lesson.target["y"][0])) for lesson in lessons]))
        return {"error": error, "nll": error}

    def residuals(self, lesson: Lesson) -> np.ndarray:
        return np.full(4, abs(self.flying - float(lesson.target["y"][0])))

    def study(self, lessons: Sequence[Lesson]) -> Mapping[str, float]:
        self.studied += [lesson.id for lesson in lessons]
        if self.poison is not None:
            self.raw = self.poison
            return {"skipped": float(not np.isfinite(self.poison))}
        mean = float(np.mean([lesson.target["y"][0] for lesson in lessons]))
        self.raw += self.rate * (mean - self.raw) + 1e-3 * float(self._rng.normal())
        return {"skipped": 0.0}

    def estimate(self, sample: Sample) -> Estimate:
        value = np.array([self.flying], dtype=np.float32)
        half = np.array([self.widen], dtype=np.float32)
        return Estimate(
            stamp_ns=sample.stamp_ns,
            cue="student",
            quantity="number",
            value=value,
            lower=value - half,
            upper=value + half,
            valid=np.ones(1, dtype=np.bool_),
            confidence=0.5,
        )

    def calibrate(self, widen: float) -> None:
        self.widen = widen

    def candidate(self) -> State:
        return State({}, {"w": np.array([self.raw])})

    def deployed(self) -> State:
        return State({}, {"w": np.array([self.flying])})

    def deploy(self, weights: State) -> None:
        self.flying = float(weights.arrays["w"][0])

    def restart(self, weights: State) -> None:
        self.raw = self.flying = float(weights.arrays["w"][0])

    def state(self) -> State:
        meta = {"raw": self.raw, "flying": self.flying, "widen": self.widen, "studied": self.studied}
        return State({**meta, "rng": dict(self._rng.bit_generator.state)})

    def load_state(self, state: State) -> None:
        self.raw, self.flying, self.widen = (state.meta[name] for name in ("raw", "flying", "widen"))
        self.studied = list(state.meta["studied"])
        self._rng.bit_generator.state = state.meta["rng"]

    def export_spec(self) -> ExportSpec:
        return ExportSpec({"x": (1, 16)}, ("y",))


def number_sample(i: int, value: int = 100, *, hz: float = 10.0) -> Sample:
    stamp_ns = round(i * NS / hz)
    picture = np.full((2, 2), value, dtype=np.uint8)
    return Sample(stamp_ns, {"image": Image(stamp_ns=stamp_ns, encoding="mono8", data=picture)})


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    from selfcue.learners.online.depth.one_thread import one_thread

    one_thread()
