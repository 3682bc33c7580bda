"""Settings of the depth scorer's node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DepthScorerParams:
    """What is scored when.

    Attributes:
        freeze_after_frame: pictures after the one with this index (the first is 0) are the last stretch, never learned
            from: the student's launch entry must say the same (``learn_until_frame``), and the priors stop there too.
            None: there is no such stretch.
        predict_from_frame: the predict-before-learn figures are of pictures from this one to the last stretch.
        block_frames: pictures per block, for the rows of the report and for the bootstrap.
        wait_s: how long a frame of truth waits for the teacher's estimate before it is scored without.
        seed: of the bootstrap.
    """

    freeze_after_frame: int | None = None
    predict_from_frame: int = 0
    block_frames: int = 20
    wait_s: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.block_frames < 1 or self.wait_s <= 0 or self.predict_from_frame < 0:
            raise ValueError(
                f"block_frames {self.block_frames} must be 1 or more, wait_s {self.wait_s} above 0, "
                f"predict_from_frame {self.predict_from_frame} 0 or more"
            )
