"""The depth scorer's node: on a drive with LiDAR, how good are student, teacher and two priors?"""

from __future__ import annotations

import json
import os
from collections import deque
from typing import cast

import numpy as np

from selfcue.learners.online.depth.priors import DepthPriors
from selfcue.learners.online.depth.score import DepthScore, score_depth
from selfcue.learners.online.depth.score_sheet import Row, ScoreSheet
from selfcue.learners.online.depth.scorer_params import DepthScorerParams
from selfcue.messages import Estimate, Image
from selfcue.node import Link, Node
from selfcue.sensors.message_state import messages_from_state, messages_to_state
from selfcue.state import State, sync_folder


class DepthScorerNode(Node):
    """Scores each frame with LiDAR before anything learned from it.

    The student's estimate was published before it learned from the frame; the priors are means of the teacher's frames
    before this one. After ``freeze_after_frame`` neither learns any more.

    Topics in: ``depth/student``, ``depth/trusted`` (Estimate of inverse depth), ``lidar/depth`` (Image 32FC1, metres,
    sparse, stamped like the left picture). On the journal: ``score_block`` for each block with truth, ``score`` at the
    end. File: ``run_dir / NAME / score.json``: beside every figure the number of LiDAR frames and a 95 %
    block-bootstrap interval.
    """

    Params = DepthScorerParams
    params: DepthScorerParams

    def __init__(self, name: str, params: DepthScorerParams) -> None:
        super().__init__(name, params)
        self._sheet = ScoreSheet(block_frames=params.block_frames, seed=params.seed)
        self._priors = DepthPriors()
        self._frames = 0
        self._index: dict[int, int] = {}  # stamp: index of the picture, for what is still waiting
        self._student: deque[Estimate] = deque()
        self._trusted: deque[Estimate] = deque()
        self._truth: deque[Image] = deque()
        self._reported_block = -1

    def configure(self, link: Link) -> None:
        self._link = link
        self._folder = link.run_dir / self.name
        link.subscribe("depth/student", Estimate, self._on_student)
        link.subscribe("depth/trusted", Estimate, self._trusted_came)
        link.subscribe("lidar/depth", Image, self._truth_came)

    def step(self, now_ns: int) -> None:
        self._work(now_ns)

    def deactivate(self) -> None:
        self._work(None)
        self._report_blocks(before=None)
        self._write()

    # -- messages --------------------------------------------------------------------------------------------------

    def _on_student(self, estimate: Estimate) -> None:
        self._index[estimate.stamp_ns] = self._frames
        self._frames += 1
        self._student.append(estimate)

    def _trusted_came(self, estimate: Estimate) -> None:
        self._trusted.append(estimate)

    def _truth_came(self, truth: Image) -> None:
        self._truth.append(truth)

    # -- scoring ---------------------------------------------------------------------------------------------------

    def _work(self, now_ns: int | None) -> None:
        """Take the teacher's frames in order: score what has truth with the priors so far, then teach the priors.

        ``now_ns`` None: nothing more will come; score what waits.
        """
        newest_ns = self._student[-1].stamp_ns if self._student else -1
        while self._trusted and self._trusted[0].stamp_ns <= newest_ns:
            trusted = self._trusted.popleft()
            if trusted.stamp_ns not in self._index:
                continue  # the student never saw that picture, or it was scored without waiting any longer
            self._score_up_to(trusted.stamp_ns, trusted)
            limit = self.params.freeze_after_frame
            if limit is None or self._index[trusted.stamp_ns] <= limit:
                self._priors.learn(trusted.value, trusted.valid)
            self._forget(trusted.stamp_ns)
        late_ns = None if now_ns is None else now_ns - round(self.params.wait_s * 1e9)
        if self._student and (late_ns is None or self._student[0].stamp_ns < late_ns):
            last_ns = self._student[-1].stamp_ns if late_ns is None else late_ns
            self._score_up_to(last_ns, None)
            self._forget(last_ns)
        self._report_blocks(before=self._sheet.block_of(min(self._index.values(), default=self._frames)))

    def _score_up_to(self, stamp_ns: int, trusted: Estimate | None) -> None:
        """Score the truth stamped up to ``stamp_ns``; ``trusted`` is the teacher's word on that stamp, if any."""
        while self._truth and self._truth[0].stamp_ns <= stamp_ns:
            truth = self._truth.popleft()
            student = next((x for x in self._student if x.stamp_ns == truth.stamp_ns), None)
            if student is None:
                continue  # no picture belongs to it
            teacher = trusted if trusted is not None and trusted.stamp_ns == truth.stamp_ns else None
            self._score(truth, student, teacher)

    def _score(self, truth: Image, student: Estimate, teacher: Estimate | None) -> None:
        found: dict[str, DepthScore | None] = {"student": score_depth(student.value, student.valid, truth.data)}
        if teacher is not None:
            found["teacher"] = score_depth(teacher.value, teacher.valid, truth.data)
        for cue, prior in (("row_mean", self._priors.row_mean()), ("pixel_mean", self._priors.pixel_mean())):
            if prior is not None:
                found[cue] = score_depth(prior, np.ones(prior.shape, dtype=np.bool_), truth.data)
        scores = {cue: score for cue, score in found.items() if score is not None}
        self._sheet.rows.append(Row(self._index[student.stamp_ns], student.stamp_ns, scores))

    def _forget(self, up_to_ns: int) -> None:
        """Let go of what was dealt with."""
        while self._student and self._student[0].stamp_ns <= up_to_ns:
            self._index.pop(self._student.popleft().stamp_ns)

    def _report_blocks(self, *, before: int | None) -> None:
        """Journal the blocks that are complete (all of them where ``before`` is None)."""
        for block in self._sheet.blocks():
            if block["block"] > self._reported_block and (before is None or block["block"] < before):
                self._reported_block = block["block"]
                self._link.journal("score_block", **{name: x for name, x in block.items() if x is not None})

    def _write(self) -> None:
        limit = self.params.freeze_after_frame
        stretches = {"predict_before_learn": self._sheet.summary(self.params.predict_from_frame, limit)}
        if limit is not None:
            stretches["frozen"] = self._sheet.summary(limit + 1, None)
        report = {
            "pictures": self._frames,
            "prior_frames": self._priors.frames,
            "stretches": stretches,
            "blocks": self._sheet.blocks(),
            "rows": self._sheet.dump(),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        aside = self._folder / "score.json.tmp"
        with aside.open("w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._folder / "score.json")
        sync_folder(self._folder)
        for name, stretch in stretches.items():
            figures = {cue: stretch[cue]["abs_rel"] for cue in ("student", "teacher", "row_mean", "pixel_mean")}
            known = {f"{cue}_abs_rel": x for cue, x in figures.items() if x is not None}
            self._link.journal("score", stretch=name, frames=stretch["frames"], **known)

    # -- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> State:
        meta = {
            "frames": self._frames,
            "index": sorted(self._index.items()),
            "reported_block": self._reported_block,
            "rows": self._sheet.dump(),
        }
        return State(meta).nested(
            priors=self._priors.state(),
            student=messages_to_state(list(self._student)),
            trusted=messages_to_state(list(self._trusted)),
            truth=messages_to_state(list(self._truth)),
        )

    def load_state(self, state: State) -> None:
        self._frames, self._reported_block = state.meta["frames"], state.meta["reported_block"]
        self._index = {int(stamp): int(index) for stamp, index in state.meta["index"]}
        self._sheet.fill(state.meta["rows"])
        self._priors.load_state(state.part("priors"))
        self._student = deque(cast(Estimate, x) for x in messages_from_state(state.part("student")))
        self._trusted = deque(cast(Estimate, x) for x in messages_from_state(state.part("trusted")))
        self._truth = deque(cast(Image, x) for x in messages_from_state(state.part("truth")))
