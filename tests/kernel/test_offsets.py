"""Another clock's offset and skew: found through jitter, bounds that hold, jumps seen, congestion taken for none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.delay_floor import DelayFloor, Room, lower_hull
from selfcue.errors import BadInputError
from selfcue.offsets import Offset, OffsetConfig, OffsetEstimator

MS = 1_000_000
BASE_S = 0.001


class World:
    """Two clocks and the delays between them; ``theirs(t) = offset_s + t * (1 + skew)``."""

    def __init__(self, seed: int, *, offset_s: float, skew_ppm: float, jitter_s: float, kind: str = "uniform") -> None:
        self.rng = np.random.default_rng(seed)
        self.offset_s, self.skew, self.jitter_s, self.kind = offset_s, skew_ppm * 1e-6, jitter_s, kind

    def theirs_ns(self, ours_s: float) -> int:
        return round((self.offset_s + ours_s * (1 + self.skew)) * 1e9)

    def delay_s(self) -> float:
        if self.kind == "exponential":
            return BASE_S + float(self.rng.exponential(self.jitter_s / 2))
        return BASE_S + float(self.rng.uniform(0, self.jitter_s))

    def exchange(self, estimator: OffsetEstimator, at_s: float, *, extra_s: float = 0.0) -> object:
        there_s = at_s + self.delay_s()
        left_s = there_s + 0.0002
        back_s = left_s + self.delay_s() + extra_s
        return estimator.add_two_way(
            round(at_s * 1e9), self.theirs_ns(there_s), self.theirs_ns(left_s), round(back_s * 1e9)
        )

    def error_ms(self, offset: Offset) -> float:
        return abs(offset.offset_ns - (self.theirs_ns(offset.at_ns * 1e-9) - offset.at_ns)) / MS


def estimate_after(world: World, seconds: float, *, hz: float = 10.0, config: OffsetConfig | None = None) -> Offset:
    estimator = OffsetEstimator(config)
    for i in range(round(seconds * hz)):
        assert world.exchange(estimator, i / hz) is None
    found = estimator.estimate()
    assert found is not None
    return found


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    offset_s=st.floats(-1e5, 1e5),
    skew_ppm=st.sampled_from([-200.0, -50.0, 50.0, 200.0]),
    kind=st.sampled_from(["uniform", "exponential"]),
)
def test_within_a_millisecond_and_ten_percent_under_20_ms_of_jitter(
    seed: int, offset_s: float, skew_ppm: float, kind: str
) -> None:
    world = World(seed, offset_s=offset_s, skew_ppm=skew_ppm, jitter_s=0.02, kind=kind)
    found = estimate_after(world, 180)
    assert world.error_ms(found) < 1.0
    assert found.skew_ppm == pytest.approx(skew_ppm, rel=0.1)
    assert world.error_ms(found) * MS <= found.uncertainty_ns
    assert abs(found.skew_ppm - skew_ppm) <= found.skew_uncertainty_ppm


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), seconds=st.floats(0.5, 20.0), jitter_s=st.floats(0.0, 0.3))
def test_the_bound_holds_whatever_the_delays_are(seed: int, seconds: float, jitter_s: float) -> None:
    world = World(seed, offset_s=3.0, skew_ppm=20.0, jitter_s=jitter_s, kind="exponential")
    found = estimate_after(world, seconds)
    assert world.error_ms(found) * MS <= found.uncertainty_ns + 2
    assert abs(found.skew_ppm - 20) <= found.skew_uncertainty_ppm + 0.01


def test_a_device_that_only_stamps_is_known_up_to_its_path() -> None:
    world = World(1, offset_s=-40.0, skew_ppm=-30.0, jitter_s=0.02)
    estimator = OffsetEstimator(OffsetConfig(path_ms=BASE_S * 1e3, path_error_ms=0.5))
    for i in range(1800):
        assert estimator.add_one_way(world.theirs_ns(i / 10), round((i / 10 + world.delay_s()) * 1e9)) is None
    found = estimator.estimate()
    assert found is not None
    assert world.error_ms(found) < 1.0
    assert world.error_ms(found) * MS <= found.uncertainty_ns
    assert found.skew_ppm == pytest.approx(-30, rel=0.1)


def test_their_stamps_become_ours_before_and_after_the_estimate() -> None:
    world = World(2, offset_s=7.0, skew_ppm=50.0, jitter_s=0.002)
    found = estimate_after(world, 120)
    for ours_s in (60.0, 120.0, 180.0):
        assert found.to_ours(world.theirs_ns(ours_s)) == pytest.approx(ours_s * 1e9, abs=1e6)


@pytest.mark.parametrize("step_s", [-3600.0, -0.2, 0.2, 5.0])
def test_a_jump_is_seen_measured_and_the_estimate_begins_anew(step_s: float) -> None:
    world = World(3, offset_s=2.0, skew_ppm=50.0, jitter_s=0.02)
    estimator = OffsetEstimator()
    for i in range(600):
        assert world.exchange(estimator, i / 10) is None
    world.offset_s += step_s
    jumps = [world.exchange(estimator, 60 + i / 10) for i in range(50)]
    assert len([jump for jump in jumps if jump]) == 1
    assert jumps[0] is not None  # larger than any round trip: at the first sample
    assert abs(estimator.jumps[0].step_ns - step_s * 1e9) <= estimator.jumps[0].uncertainty_ns
    found = estimator.estimate()
    assert found is not None
    assert (found.jumps, found.samples) == (1, 50)
    assert world.error_ms(found) < 2.0


def test_a_jump_hidden_by_long_round_trips_is_proved_before_long() -> None:
    world = World(4, offset_s=2.0, skew_ppm=0.0, jitter_s=0.4, kind="exponential")
    estimator = OffsetEstimator()
    for i in range(600):
        world.exchange(estimator, i / 10)
    world.offset_s -= 0.15
    jumps = [world.exchange(estimator, 60 + i / 10) for i in range(600)]
    assert [jump for jump in jumps if jump]
    assert abs(estimator.jumps[0].step_ns + 0.15e9) <= estimator.jumps[0].uncertainty_ns


def test_congestion_on_one_way_is_no_jump() -> None:
    world = World(5, offset_s=2.0, skew_ppm=0.0, jitter_s=0.02)
    estimator = OffsetEstimator()
    for i in range(600):
        assert world.exchange(estimator, i / 10, extra_s=0.5 if 300 <= i < 400 else 0.0) is None
    found = estimator.estimate()
    assert found is not None
    assert world.error_ms(found) < 1.0


@pytest.mark.parametrize("step_s", [-10.0, 0.3])
def test_a_one_way_jump_needs_agreement(step_s: float) -> None:
    world = World(6, offset_s=2.0, skew_ppm=0.0, jitter_s=0.02)
    estimator = OffsetEstimator(OffsetConfig(confirm=5))
    jumps = []
    for i in range(100):
        if i == 60:
            world.offset_s += step_s
        jumps.append(estimator.add_one_way(world.theirs_ns(i / 10), round((i / 10 + world.delay_s()) * 1e9)))
    assert [i for i, jump in enumerate(jumps) if jump] == [64]
    assert estimator.jumps[0].step_ns == pytest.approx(step_s * 1e9, abs=20 * MS)
    assert estimator.jumps[0].at_ns == pytest.approx(6e9, abs=30 * MS)


def test_one_late_message_is_no_jump() -> None:
    estimator = OffsetEstimator(OffsetConfig(confirm=5))
    for i in range(200):
        late_ns = 900 * MS if i % 20 == 19 else 0
        assert estimator.add_one_way(i * 100 * MS, i * 100 * MS + 5 * MS + late_ns) is None


def test_nothing_is_known_before_the_first_sample_and_nonsense_is_refused() -> None:
    estimator = OffsetEstimator()
    assert estimator.estimate() is None
    with pytest.raises(BadInputError, match="runs backwards"):
        estimator.add_two_way(10, 5, 5, 9)
    with pytest.raises(ValueError, match="confirm 1"):
        OffsetConfig(confirm=1)
    with pytest.raises(ValueError, match="path_ms -1"):
        OffsetConfig(path_ms=-1.0)


points = st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=40).map(
    lambda values: [(i * 37 * MS, value) for i, value in enumerate(values)]
)


@given(points)
def test_no_point_lies_below_the_hull(given_points: list[tuple[int, int]]) -> None:
    hull = lower_hull(given_points)
    xs, ys = zip(*hull, strict=True)
    for at, value in given_points:
        assert np.interp(at, xs, ys) <= value + 1e-3


@given(points)
def test_no_point_lies_below_the_floor(given_points: list[tuple[int, int]]) -> None:
    floor = DelayFloor(10**12, max_slope=100.0)
    for point in given_points:
        floor.add(*point)
    line = floor.line()
    assert line is not None
    assert all(line.value(at) <= value + 1e-3 for at, value in floor.points)


@given(slope=st.floats(-1e-3, 1e-3), gaps=st.lists(st.integers(1, MS), min_size=1, max_size=20))
def test_a_line_that_fits_is_inside_the_room(slope: float, gaps: list[int]) -> None:
    times = [i * 100 * MS for i in range(len(gaps))]
    below = [(at, round(slope * at) - gap) for at, gap in zip(times, gaps, strict=True)]
    above = [(at, round(slope * at) + gap) for at, gap in zip(times, reversed(gaps), strict=True)]
    room = Room(below, above, max_slope=2e-3)
    assert room.flattest - 1e-8 <= slope <= room.steepest + 1e-8
    for at_ns in (0, times[-1], 2 * times[-1]):
        low, high = room.at(at_ns)
        assert low - 2 <= slope * at_ns <= high + 2


def test_a_bend_leaves_no_room() -> None:
    below, above = [(0, -1), (100, 49), (200, -1)], [(0, 1), (100, 51), (200, 1)]
    assert Room(below, above, max_slope=10.0).empty
    assert not Room(below[:2], above[:2], max_slope=10.0).empty
