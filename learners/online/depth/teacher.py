"""The depth teacher: any trusted estimate of inverse depth (stereo, LiDAR) labels the picture it belongs to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from selfcue.corridor import CorridorConfig, Intrinsics, Size, estimate_score
from selfcue.errors import BadInputError
from selfcue.learners.online.depth.resize import pool_inverse_depth, student_picture
from selfcue.learners.online.depth.sizes import DepthSizes
from selfcue.learners.online.interfaces import Lesson, Revision, Sample
from selfcue.messages import Estimate, Image
from selfcue.state import State


@dataclass(frozen=True)
class DepthTeacherConfig:
    """Settings of the depth teacher.

    Attributes:
        cell_share: a pixel of the lesson needs this share of the camera's pixels under it to be valid.
        lesson_share: a frame with a smaller share of such pixels is no lesson.
        corridor: what the obstacle score of a lesson is about.
    """

    cell_share: float = 0.25
    lesson_share: float = 0.05
    corridor: CorridorConfig = field(default_factory=CorridorConfig)

    def __post_init__(self) -> None:
        if not 0 < self.cell_share <= 1 or not 0 < self.lesson_share <= 1:
            raise BadInputError(f"depth teacher: cell_share and lesson_share must lie in (0, 1], got {self}")


class DepthTeacher:
    """``TrustedCue``: sample inputs ``image`` (Image, 8-bit) and ``trusted`` (Estimate of ``inverse_depth_per_m``).

    A lesson's arrays: ``inputs["image"]`` uint8 (H, W[, 3]) at the student's size; ``target["inverse_depth_per_m"]``
    float16 (h, w), NaN where the teacher is silent; ``target["weight"]`` float16 (h, w) in [0, 1], the share of valid
    camera pixels; ``target["obstacle_per_m"]`` float32 (1,), the corridor's obstacle score, NaN without intrinsics.

    Args:
        sizes: the student's.
        config: settings.

    Attributes:
        camera: intrinsics and size of the camera, for the obstacle score; None where not known.
    """

    def __init__(self, sizes: DepthSizes, config: DepthTeacherConfig | None = None) -> None:
        self.sizes = sizes
        self.config = config or DepthTeacherConfig()
        self.camera: tuple[Intrinsics, Size] | None = None
        self._next_id = 0

    def teach(self, sample: Sample) -> Iterable[Lesson | Revision]:
        """Return the one lesson of ``sample``, or none where the teacher says too little.

        Raises:
            BadInputError: an input is missing, the two were not measured together, or differ in field of view.
        """
        image, trusted = sample.inputs.get("image"), sample.inputs.get("trusted")
        if not isinstance(image, Image) or not isinstance(trusted, Estimate):
            raise BadInputError(
                f"a depth sample needs an Image 'image' and an Estimate 'trusted', got {sorted(sample.inputs)}"
            )
        if image.stamp_ns != trusted.stamp_ns:
            raise BadInputError(f"depth of {trusted.stamp_ns} ns cannot label the picture of {image.stamp_ns} ns")
        if trusted.quantity != "inverse_depth_per_m" or trusted.value.ndim != 2:
            raise BadInputError(
                f"depth is taught by (H, W) inverse_depth_per_m, got {trusted.quantity} of shape {trusted.value.shape}"
            )
        pooled, share = pool_inverse_depth(trusted.value, trusted.valid, self.sizes.output_shape)
        silent = share < self.config.cell_share
        if silent.mean() > 1.0 - self.config.lesson_share:
            return ()
        pooled[silent], share[silent] = np.nan, 0.0
        score = estimate_score(trusted, *self.camera, self.config.corridor) if self.camera else math.nan
        lesson = Lesson(
            id=self._next_id,
            stamp_ns=image.stamp_ns,
            block=0,  # the engine counts blocks
            inputs={"image": student_picture(image, self.sizes)},
            target={
                "inverse_depth_per_m": pooled.astype(np.float16),
                "weight": share.astype(np.float16),
                "obstacle_per_m": np.array([score], dtype=np.float32),
            },
        )
        self._next_id += 1
        return (lesson,)

    def state(self) -> State:
        return State({"next_id": self._next_id})

    def load_state(self, state: State) -> None:
        self._next_id = int(state.meta["next_id"])
