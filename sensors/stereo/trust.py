"""The trust monitor of stereo: all its fault detectors together, and one verdict."""

from __future__ import annotations

import math
from typing import Literal

from selfcue.messages import Trust, TrustLevel
from selfcue.sensors.stereo.alignment_watch import AlignmentWatch
from selfcue.sensors.stereo.camera_watches import ExposureWatch, FrameWatch, Pixels
from selfcue.sensors.stereo.left_right_watch import LeftRightWatch
from selfcue.sensors.stereo.matcher import Match
from selfcue.sensors.stereo.watch_config import WatchConfig
from selfcue.state import State

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")

_RANK: dict[TrustLevel, int] = {"ok": 0, "suspect": 1, "lost": 2}


class StereoTrustMonitor:
    """Combine the detectors: the worst verdict counts at once, trust comes back after ``recover_s`` without a fault.

    Feed ``saw`` with every image, ``update`` with every matched pair, and ask ``check`` when no pair came. Only stamps
    and the times handed to ``check`` count; no clock is read, so equal input gives equal verdicts.
    """

    def __init__(self, config: WatchConfig | None = None) -> None:
        self.config = config or WatchConfig()
        self._frames = {side: FrameWatch(self.config) for side in SIDES}
        self._exposure = {side: ExposureWatch(self.config) for side in SIDES}
        self._left_right = LeftRightWatch(self.config)
        self._alignment = AlignmentWatch(self.config)
        self._first_ns: int | None = None
        self._pair_ns: int | None = None
        self._clear_since_ns: int | None = None
        self._level: TrustLevel = "ok"
        self._evidence: dict[str, float] = {}

    @property
    def level(self) -> TrustLevel:
        """The last verdict."""
        return self._level

    def saw(self, side: Side, stamp_ns: int, image: Pixels) -> None:
        """Note an image of one camera, paired or not."""
        self._frames[side].update(stamp_ns, image)

    def update(self, stamp_ns: int, left: Pixels, right: Pixels, match: Match) -> Trust:
        """Judge after a matched pair.

        Args:
            stamp_ns: the pair's stamp, later than the last.
            left, right: (H, W) uint8 grey images.
            match: what the matcher made of them.
        """
        self._pair_ns = stamp_ns
        self._exposure["left"].update(stamp_ns, left, self._exposure["right"])
        self._exposure["right"].update(stamp_ns, right, self._exposure["left"])
        self._left_right.update(stamp_ns, match, healthy=self._level == "ok")
        self._alignment.update(stamp_ns, left, right)
        self._evidence = {
            "left_right_rate": match.left_right_rate,
            "textured_share": match.textured_share,
            "near_share": match.near_share,
            "saturated_share": max(watch.saturated_share for watch in self._exposure.values()),
            "detail_share": min(watch.detail_share for watch in self._exposure.values()),
            "std_gray": min(watch.std for watch in self._exposure.values()),
        }
        return self.check(stamp_ns)

    def check(self, now_ns: int) -> Trust:
        """Judge at ``now_ns``, whether or not anything came."""
        if self._first_ns is None:
            self._first_ns = now_ns
        found, reason = self._worst(now_ns)
        if found == "ok":
            if self._level == "ok":
                self._clear_since_ns = None
            else:
                if self._clear_since_ns is None:
                    self._clear_since_ns = now_ns
                clear_s = (now_ns - self._clear_since_ns) * 1e-9
                if clear_s < self.config.recover_s:
                    found, reason = "suspect", f"without a fault for {clear_s:.1f} s of {self.config.recover_s:g} s"
        else:
            self._clear_since_ns = None
        self._level = found
        return Trust(stamp_ns=now_ns, cue="stereo", level=found, reason=reason, evidence=self._all_evidence(now_ns))

    def _worst(self, now_ns: int) -> tuple[TrustLevel, str]:
        """Return the worst verdict of all detectors; the first of equals counts."""
        verdicts = [*self._delivery(now_ns), *self._content()]
        return max(verdicts, key=lambda verdict: _RANK[verdict[0]], default=("ok", ""))

    def _delivery(self, now_ns: int) -> list[tuple[TrustLevel, str]]:
        verdicts: list[tuple[TrustLevel, str]] = []
        for side in SIDES:
            watch = self._frames[side]
            if watch.last_ns is None:
                if self._age_s(self._first_ns, now_ns) > self.config.start_grace_s:
                    verdicts.append(("lost", f"{side} camera gave no frame in {self.config.start_grace_s:g} s"))
            elif (age_s := self._age_s(watch.last_ns, now_ns)) > watch.dead_limit_s:
                verdicts.append(("lost", f"{side} camera is dead: no frame for {age_s:.2f} s"))
            elif watch.frozen:
                verdicts.append(("lost", f"{side} camera is frozen: {watch.repeats} equal frames"))
        limit_s = max(watch.dead_limit_s for watch in self._frames.values())
        pairs_due_s = 2.0 * limit_s + (self.config.start_grace_s if self._pair_ns is None else 0.0)
        if not verdicts and self._age_s(self._pair_ns or self._first_ns, now_ns) > pairs_due_s:
            verdicts.append(("lost", f"both cameras deliver, but no pair for {pairs_due_s:g} s: their stamps differ"))
        return verdicts

    def _content(self) -> list[tuple[TrustLevel, str]]:
        verdicts: list[tuple[TrustLevel, str]] = []
        for side in SIDES:
            watch = self._exposure[side]
            if watch.black:
                verdicts.append(("lost", f"{side} image is black (mean {watch.mean:.0f}, deviation {watch.std:.1f})"))
            elif watch.suspect:
                share, std = watch.saturated_share, watch.std
                reason = f"{side} image is badly exposed ({share:.0%} saturated, deviation {std:.1f} of 255)"
                verdicts.append(("suspect", reason))
            elif watch.blurred:
                reason = (
                    f"{side} image lacks detail that the other has ({watch.detail_share:.0%} of its pixels show any)"
                )
                verdicts.append(("suspect", reason))
        if self._alignment.swapped:
            shift = self._alignment.shift_px or 0.0
            verdicts.append(("lost", f"left and right are swapped: corners move {shift:+.1f} px to the right"))
        if self._left_right.suspect:
            mean, limit = self._left_right.mean or 0.0, self._left_right.limit
            reason = f"left-right check passes {mean:.0%} of the textured pixels, limit {limit:.0%}"
            verdicts.append(("lost" if self._left_right.lost else "suspect", reason))
        if self._alignment.off:
            verdicts.append(("suspect", f"right image is {self._alignment.offset_px or 0.0:+.1f} px off vertically"))
        return verdicts

    def _all_evidence(self, now_ns: int) -> dict[str, float]:
        evidence = {key: value for key, value in self._evidence.items() if not math.isnan(value)}
        for side in SIDES:
            if (last_ns := self._frames[side].last_ns) is not None:
                evidence[f"{side}_age_s"] = self._age_s(last_ns, now_ns)
        if self._left_right.mean is not None:
            evidence["left_right_mean"] = self._left_right.mean
        if self._alignment.offset_px is not None:
            evidence["vertical_offset_px"] = self._alignment.offset_px
        if self._alignment.shift_px is not None:
            evidence["horizontal_shift_px"] = self._alignment.shift_px
        return evidence

    @staticmethod
    def _age_s(stamp_ns: int | None, now_ns: int) -> float:
        return 0.0 if stamp_ns is None else (now_ns - stamp_ns) * 1e-9

    def state(self) -> State:
        return State(
            {
                "frames": {side: watch.meta() for side, watch in self._frames.items()},
                "exposure": {side: watch.meta() for side, watch in self._exposure.items()},
                "left_right": self._left_right.meta(),
                "alignment": self._alignment.meta(),
                "first_ns": self._first_ns,
                "pair_ns": self._pair_ns,
                "clear_since_ns": self._clear_since_ns,
                "level": self._level,
                "evidence": self._evidence,
            }
        )

    def load_state(self, state: State) -> None:
        meta = state.meta
        for side in SIDES:
            self._frames[side].load_meta(meta["frames"][side])
            self._exposure[side].load_meta(meta["exposure"][side])
        self._left_right.load_meta(meta["left_right"])
        self._alignment.load_meta(meta["alignment"])
        self._first_ns, self._pair_ns = meta["first_ns"], meta["pair_ns"]
        self._clear_since_ns, self._level = meta["clear_since_ns"], meta["level"]
        self._evidence = dict(meta["evidence"])
