"""When a sample was taken, by counting samples: the device's own clock, told in this machine's time."""

from __future__ import annotations

from dataclasses import dataclass

from selfcue.delay_floor import DelayFloor

_NS = 1_000_000_000


@dataclass(frozen=True)
class SampleClockConfig:
    """Settings of a sample clock.

    Attributes:
        window_s: how far back what was observed counts; the device's rate is taken to be constant over so long.
        max_skew_ppm: no device runs faster or slower than its nominal rate by more than this.
        settle_s: time constant with which stamps follow a new estimate.
        max_slew: share by which two stamps may stand closer or wider apart than their samples while they follow.
        jump_ms: samples that come later than this for ``confirm_s`` on end were preceded by lost ones, though nobody
            said so.
        confirm_s: see ``jump_ms``.
        path_ms: from the membrane to the counter (converter, drivers, network), where it is known.
    """

    window_s: float = 60.0
    max_skew_ppm: float = 500.0
    settle_s: float = 1.0
    max_slew: float = 0.005
    jump_ms: float = 80.0
    confirm_s: float = 0.5
    path_ms: float = 0.0

    def __post_init__(self) -> None:
        for name in ("window_s", "max_skew_ppm", "settle_s", "jump_ms", "confirm_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        if not 0 < self.max_slew < 0.5 or self.path_ms < 0:
            raise ValueError(f"max_slew {self.max_slew} must lie in (0, 0.5), path_ms {self.path_ms} not below 0")


class SampleClock:
    """Stamps blocks of samples: monotone, spaced by their samples, and true to the device's clock in the long run.

    Each look at the device says that so many samples had been taken by then. Delays make such a look late and never
    early, so the truth is the floor under all looks (``selfcue.delay_floor``): a straight line whose slope is what the
    device's clock is off by. Stamps follow the line and never step, except over samples that are known to be lost.
    One thread; nothing here reads a clock.

    Args:
        rate_hz: nominal samples a second.
    """

    def __init__(self, rate_hz: float, config: SampleClockConfig | None = None) -> None:
        if rate_hz <= 0:
            raise ValueError(f"rate_hz is {rate_hz}; it must be above 0")
        self.config = config or SampleClockConfig()
        self._period_ns = _NS / rate_hz
        self._count = 0  # samples stamped or known to be lost
        self._stamp: tuple[int, int] | None = None  # of the last block: its first sample's number, its stamp
        self._late: list[tuple[int, int]] = []
        self.lost = 0
        self._begin()

    def _begin(self) -> None:
        self._floor = DelayFloor(round(self.config.window_s * _NS), self.config.max_skew_ppm * 1e-6)

    @property
    def skew_ppm(self) -> float:
        """How much slower than nominal the device runs, as far as it is known [ppm]."""
        line = self._floor.line()
        return 0.0 if line is None else line.slope * 1e6

    def observe(self, waiting: int, at_ns: int) -> int:
        """Note that at ``at_ns`` so many samples waited that ``stamp`` has not seen.

        Returns the samples that must have been lost, though nobody said so (0 as a rule).
        """
        taken_ns = self._ns(self._count + waiting)
        value_ns = at_ns - taken_ns
        line = self._floor.line()
        if line is None or value_ns - line.value(taken_ns) <= self.config.jump_ms * 1e6:
            self._late.clear()
            self._floor.add(taken_ns, value_ns)
            return 0
        # Late looks wait aside until it is known what they are: no delay lasts for ever.
        self._late.append((at_ns, round(value_ns - line.value(taken_ns))))
        if at_ns - self._late[0][0] < self.config.confirm_s * _NS:
            return 0
        return self._lose(min(late_ns for _, late_ns in self._late))

    def overrun(self, waiting: int, at_ns: int) -> int:
        """Note that samples were lost before the ``waiting`` ones, at ``at_ns``; return how many, by the time."""
        line = self._floor.line()
        if line is None:
            return 0
        taken_ns = self._ns(self._count + waiting)
        return self._lose(round(at_ns - taken_ns - line.value(taken_ns)))

    def _lose(self, late_ns: int) -> int:
        lost = max(0, round(late_ns / self._period_ns))
        self._late.clear()
        self._count += lost
        self.lost += lost
        return lost

    def stamp(self, samples: int) -> int:
        """Return when the first of the next ``samples`` samples was taken [ns, the clock of ``observe``].

        Raises:
            ValueError: nothing has been observed yet.
        """
        first, self._count = self._count, self._count + samples
        line = self._floor.line()
        if line is None:
            raise ValueError("a sample clock was asked for a stamp before it observed anything")
        target_ns = self._ns(first) + line.value(self._ns(first)) - self.config.path_ms * 1e6
        if self._stamp is None:
            stamp_ns = round(target_ns)
        else:
            step_ns = (first - self._stamp[0]) * self._period_ns
            expected_ns = self._stamp[1] + step_ns * (1 + line.slope)
            share = min(1.0, step_ns / (self.config.settle_s * _NS))
            limit_ns = self.config.max_slew * step_ns
            stamp_ns = round(expected_ns + min(max(share * (target_ns - expected_ns), -limit_ns), limit_ns))
        self._stamp = (first, stamp_ns)
        return stamp_ns

    def _ns(self, count: int) -> int:
        return round(count * self._period_ns)
