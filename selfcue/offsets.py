"""How far another clock is from ours, and how fast it runs: a minimum filter over delays, with hard bounds.

A sample pins the offset ``theirs - ours`` from one or both sides, because no message arrives before it is sent:

- their message stamped ``t2`` (theirs) came at ``t3`` (ours): offset >= t2 - t3, by how much is its delay;
- our message sent at ``t0`` (ours) was stamped ``t1`` (theirs) there: offset <= t1 - t0.

Both limits drift along a line whose slope is the skew; delays only ever push points away from it, so each side's line
is the floor under its points (``selfcue.delay_floor``), and the offset is the middle between both. How wrong that can
be is bounded by all straight lines that keep within the limits, whatever the jitter was; what hides there is a
difference between the two ways' least delays. With one side alone (a device that stamps and cannot be asked) the least
delay has to be told.

Pure arithmetic on the stamps that are handed in; nothing here reads a clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from selfcue.delay_floor import DelayFloor, Line, Room
from selfcue.errors import BadInputError

_MARGIN_NS = 200_000  # rounding, interrupts: a crossing by less is no jump


@dataclass(frozen=True)
class OffsetConfig:
    """Settings of an estimator.

    Attributes:
        window_s: how far back samples count; skew is taken to be constant over so long.
        jump_ms: least step of the other clock that is called a jump. Two-way it is called as soon as no delay can
            explain it, which is at the first sample where it is larger than the round trip.
        confirm: one-way: samples in a row that must agree on a jump, for delay alone can explain one.
        max_skew_ppm: no clock is farther off than this; bounds the slope while there are few samples.
        path_ms: least delay of a one-way path; known from the device's documents, or 0.
        path_error_ms: how wrong ``path_ms`` may be; goes into the uncertainty of one-way estimates.
    """

    window_s: float = 180.0
    jump_ms: float = 50.0
    confirm: int = 20
    max_skew_ppm: float = 500.0
    path_ms: float = 0.0
    path_error_ms: float = 5.0

    def __post_init__(self) -> None:
        if self.window_s <= 0 or self.jump_ms <= 0 or self.confirm < 2 or self.max_skew_ppm <= 0:
            raise ValueError(
                f"window_s {self.window_s}, jump_ms {self.jump_ms} and max_skew_ppm {self.max_skew_ppm} must be above "
                f"0, confirm {self.confirm} at least 2"
            )
        if self.path_ms < 0 or self.path_error_ms < 0:
            raise ValueError(f"path_ms {self.path_ms} and path_error_ms {self.path_error_ms} must not be negative")


@dataclass(frozen=True)
class Offset:
    """What is known of another clock at ``at_ns`` of ours: theirs = ours + offset.

    Attributes:
        offset_ns: best estimate.
        uncertainty_ns: two-way: the offset is within this of ``offset_ns``, whatever the delays were, as long as both
            clocks ran straight (infinite skew uncertainty says that they did not); one-way: the scatter of the least
            delays, and what the path's delay may be wrong by.
        skew_ppm: how much faster theirs runs (positive), in parts per million.
        skew_uncertainty_ppm: two-way: no straight clock outside of this fits the samples; infinite while unknown.
        samples: how many the estimate rests on.
        jumps: steps of the other clock so far.
    """

    at_ns: int
    offset_ns: int
    uncertainty_ns: int
    skew_ppm: float
    skew_uncertainty_ppm: float
    samples: int
    jumps: int

    def to_ours(self, theirs_ns: int) -> int:
        """Return the time on our clock at which theirs showed ``theirs_ns``."""
        ours_ns = theirs_ns - self.offset_ns
        return round(ours_ns - (ours_ns - self.at_ns) * self.skew_ppm * 1e-6)


@dataclass(frozen=True)
class Jump:
    """The other clock was set: everything stamped before ``at_ns`` (ours) was on another time.

    ``step_ns``: by how much it went forward (negative: back), within ``uncertainty_ns``.
    """

    at_ns: int
    step_ns: int
    uncertainty_ns: int


@dataclass(frozen=True)
class _Sample:
    """One exchange: the offset is at least ``-below_ns`` and, where it was two-way, at most ``above_ns``."""

    at_ns: int
    below_ns: int
    sent_ns: int = 0
    above_ns: int | None = None

    @property
    def middle_ns(self) -> float:
        return -self.below_ns if self.above_ns is None else (self.above_ns - self.below_ns) / 2

    @property
    def half_ns(self) -> float:
        return 0.0 if self.above_ns is None else (self.above_ns + self.below_ns) / 2


class OffsetEstimator:
    """Estimates the offset and skew of one other clock from two-way or one-way samples; one thread."""

    def __init__(self, config: OffsetConfig | None = None) -> None:
        self.config = config or OffsetConfig()
        self.jumps: list[Jump] = []
        self._begin()

    def _begin(self) -> None:
        window_ns, slope = round(self.config.window_s * 1e9), self.config.max_skew_ppm * 1e-6
        self._above = DelayFloor(window_ns, slope)  # of t1 - t0: at least the offset
        self._below = DelayFloor(window_ns, slope)  # of t3 - t2: at least the offset's negative
        self._late: list[_Sample] = []
        self._at_ns = 0

    def add_two_way(self, t0_ns: int, t1_ns: int, t2_ns: int, t3_ns: int) -> Jump | None:
        """Take one exchange: sent (ours), received and answered (theirs), answer received (ours).

        Returns the jump that it revealed, if it did; the estimate then begins anew with this sample.
        Raises BadInputError where an exchange ends before it began.
        """
        if t3_ns < t0_ns or t2_ns < t1_ns:
            raise BadInputError(f"an exchange from {t0_ns} to {t3_ns} ns, {t1_ns} to {t2_ns} ns there, runs backwards")
        return self._take(_Sample(t3_ns, t3_ns - t2_ns, t0_ns, t1_ns - t0_ns))

    def add_one_way(self, theirs_ns: int, ours_ns: int) -> Jump | None:
        """Take one message stamped ``theirs_ns`` that came at ``ours_ns``. Returns the jump that it revealed."""
        return self._take(_Sample(ours_ns, ours_ns - theirs_ns))

    def _take(self, sample: _Sample) -> Jump | None:
        now = self._middle(sample.at_ns)
        jump = None if now is None else self._jump(sample, *now)
        if jump is not None:
            late = self._late
            self.jumps.append(jump)
            self._begin()
            self._late = []
            for one in late:  # those that showed the step are on the new time already
                self._add(one)
        elif sample not in self._late:
            self._add(sample)
        self._at_ns = max(self._at_ns, sample.at_ns)
        return jump

    def _add(self, sample: _Sample) -> None:
        if sample.above_ns is not None:
            self._above.add(sample.sent_ns, sample.above_ns)
        self._below.add(sample.at_ns, sample.below_ns)

    def _jump(self, sample: _Sample, offset_ns: float, half_ns: float) -> Jump | None:
        """Return the step that ``sample`` shows, alone or as the last of a row that are off to the same side."""
        step_ns = sample.middle_ns + self._path_ns(sample) - offset_ns
        off = abs(step_ns) > self.config.jump_ms * 1e6
        same = [one for one in self._late if off and (one.middle_ns + self._path_ns(one) > offset_ns) == (step_ns > 0)]
        late = [*same, sample][-self.config.confirm :] if off else []
        for one in self._late:  # samples of the row wait aside until it is known what they are
            if one not in late:
                self._add(one)
        self._late = late
        if not off:
            return None
        low_ns = max(-one.below_ns for one in late) + self._path_ns(sample)
        if sample.above_ns is None:
            if len(late) < self.config.confirm or self._below.count < self.config.confirm:
                return None
            return Jump(late[0].at_ns, round(low_ns - offset_ns), round(self.config.path_error_ms * 1e6 + half_ns))
        high_ns = min(one.above_ns for one in late if one.above_ns is not None)
        middle_ns, width_ns = (high_ns + low_ns) / 2, max(0.0, (high_ns - low_ns) / 2)
        drift_ns = (sample.at_ns - self._at_ns + sample.at_ns - late[0].at_ns) * self.config.max_skew_ppm * 1e-6
        if abs(middle_ns - offset_ns) <= width_ns + half_ns + drift_ns + _MARGIN_NS:
            return None  # delays may have done it: what the limits leave room for before and now still overlaps
        return Jump(late[0].at_ns, round(middle_ns - offset_ns), round(width_ns + half_ns))

    def _path_ns(self, sample: _Sample) -> float:
        """Return what is added to the limit of a one-way sample: the delay that it has at least."""
        return self.config.path_ms * 1e6 if sample.above_ns is None else 0.0

    def _middle(self, at_ns: int) -> tuple[float, float] | None:
        """Return the offset at ``at_ns`` and half of the room that the limits leave it [ns]."""
        below, above = self._below.line(), self._above.line()
        if below is None:
            return None
        low_ns = -below.value(at_ns)
        if above is None:
            return low_ns + self.config.path_ms * 1e6, self.config.path_error_ms * 1e6
        high_ns = above.value(at_ns)
        return (high_ns + low_ns) / 2, max(0.0, (high_ns - low_ns) / 2)

    def estimate(self, at_ns: int | None = None) -> Offset | None:
        """Return what is known at ``at_ns`` of our clock (default: of the last sample); None before the first."""
        at_ns = self._at_ns if at_ns is None else at_ns
        now = self._middle(at_ns)
        below, above = self._below.line(), self._above.line()
        if now is None or below is None:
            return None
        offset_ns, half_ns = now
        if above is None:
            skew, error, scatter_ns = self._skew_one_way(below)
            half_ns += scatter_ns + max(0, at_ns - self._at_ns) * min(error, self.config.max_skew_ppm * 1e-6)
        else:
            skew, error = (above.slope - below.slope) / 2, math.inf
            room = Room(
                [(at, -value) for at, value in self._below.points], self._above.points, self.config.max_skew_ppm * 1e-6
            )
            if not room.empty:
                low_ns, high_ns = room.at(at_ns)
                offset_ns = min(max(offset_ns, low_ns), high_ns)
                half_ns = max(high_ns - offset_ns, offset_ns - low_ns)
                skew = min(max(skew, room.flattest), room.steepest)
                error = max(room.steepest - skew, skew - room.flattest)
        return Offset(
            at_ns=at_ns,
            offset_ns=round(offset_ns),
            uncertainty_ns=math.ceil(half_ns),
            skew_ppm=skew * 1e6,
            skew_uncertainty_ppm=error * 1e6,
            samples=self._below.count,
            jumps=len(self.jumps),
        )

    def _skew_one_way(self, below: Line) -> tuple[float, float, float]:
        """Return skew, its uncertainty, and the scatter of the least delays [ns]."""
        points = self._below.points
        above_ns = sorted(value - below.value(at) for at, value in points)
        scatter_ns = above_ns[len(above_ns) // 4]  # a quarter of the bins have a least delay within this of the floor
        span_ns = points[-1][0] - points[0][0]
        return -below.slope, 2 * scatter_ns / span_ns if below.slope and span_ns else math.inf, scatter_ns
