from __future__ import annotations

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.online.approaches import ApproachConfig, ApproachWatch
from selfcue.learners.online.gate import CompetenceGate, GateConfig
from selfcue.learners.online.reliability import Reliability
from tests.learners.conftest import NS

FAR, NEAR, CLOSE = 1 / 4.0, 1 / 1.2, 1 / 0.6
HZ = 20


class Flight:
    """Feeds a gate with frames at 20 Hz."""

    def __init__(self, config: GateConfig | None = None) -> None:
        self.gate = CompetenceGate(config)
        self.frame = 0

    @property
    def now_ns(self) -> int:
        return self.frame * NS // HZ

    def see(self, teacher: float, student: float, seconds: float) -> None:
        for _ in range(round(seconds * HZ)):
            self.gate.witness(self.now_ns, teacher, student)
            self.frame += 1

    def approach(self, *, hit: bool = True) -> None:
        said = NEAR if hit else FAR
        self.see(FAR, FAR, 2.6)
        self.see(NEAR, said, 1.0)
        self.see(CLOSE, CLOSE if hit else FAR, 0.5)

    def judge(self) -> tuple[bool, bool]:
        self.gate.judge(self.now_ns)
        return self.gate.ready, self.gate.ready_fast

    def end(self) -> None:
        self.see(FAR, FAR, 0.6)


def outcomes(frames: list[tuple[float, float]], **settings) -> list[str]:
    watch = ApproachWatch(ApproachConfig(**settings))
    return [x for i, (t, s) in enumerate(frames) for x in watch.add(i * NS // HZ, t, s)]


def test_an_approach_counts_once_however_many_frames_it_has():
    frames = [(FAR, FAR)] * 5 + [(NEAR, NEAR)] * 40 + [(CLOSE, CLOSE)] * 10 + [(FAR, FAR)] * 10
    assert outcomes(frames) == ["hit"]


def test_saying_it_too_late_is_a_miss():
    late = [(NEAR, FAR)] * 20 + [(CLOSE, FAR)] + [(CLOSE, CLOSE)] * 5 + [(FAR, FAR)] * 10
    assert outcomes(late) == ["miss"]
    just = [(NEAR, FAR)] * 19 + [(NEAR, NEAR)] + [(CLOSE, CLOSE)] * 5 + [(FAR, FAR)] * 10
    assert outcomes(just) == ["hit"]


def test_an_approach_that_ends_before_it_is_close_is_judged_at_its_end():
    assert outcomes([(NEAR, FAR)] * 20 + [(FAR, FAR)] * 10) == ["miss"]
    assert outcomes([(NEAR, NEAR)] * 20 + [(FAR, FAR)] * 10) == ["hit"]


def test_a_single_noisy_frame_is_no_approach():
    assert outcomes([(FAR, FAR)] * 5 + [(10.0, FAR)] + [(FAR, FAR)] * 10) == []


def test_hovering_before_a_wall_is_one_event_per_ten_seconds_not_one_per_frame():
    assert outcomes([(NEAR, NEAR)] * (30 * HZ)) == ["hit"] * 2


def test_the_view_must_stay_free_for_a_while():
    flicker = ([(NEAR, NEAR)] * 6 + [(FAR, FAR)] * 3) * 5 + [(FAR, FAR)] * 10
    assert outcomes(flicker) == ["hit"]


def test_quiet_stretches_are_the_trials_for_false_alarms():
    quiet = [(FAR, FAR)] * 41
    crying = [(FAR, NEAR)] * 41
    between = [(1 / 1.5, FAR)] * 100  # neither near nor free
    assert outcomes(quiet + crying + between) == ["quiet", "false_alarm"]


def test_59_approaches_without_a_miss_make_ready_58_do_not():
    flight = Flight()
    for _ in range(58):
        flight.approach()
    flight.end()
    assert flight.judge() == (False, True)
    flight.approach()
    flight.end()
    assert flight.gate.counts["events"] == 59
    assert flight.judge() == (True, True)


def test_29_make_ready_fast():
    flight = Flight()
    for _ in range(29):
        flight.approach()
        assert flight.judge() == (False, False)
    flight.end()
    assert flight.judge() == (False, True)


def test_early_misses_slide_out_of_the_window():
    flight = Flight()
    for _ in range(20):
        flight.approach(hit=False)
    for _ in range(52):
        flight.approach()
    flight.end()
    assert flight.judge()[1]
    assert flight.gate.counts["misses"] == 20


def test_hysteresis_ready_ends_below_the_leave_bound_not_below_the_enter_bound():
    flight = Flight()
    for _ in range(60):
        flight.approach()
    flight.end()
    assert flight.judge()[0]
    for _ in range(2):
        flight.approach(hit=False)
        flight.end()
    assert 0.90 < flight.gate.hit_bound() < 0.95
    assert flight.judge()[0]
    for _ in range(2):
        flight.approach(hit=False)
        flight.end()
    assert flight.gate.hit_bound() < 0.90
    assert not flight.judge()[0]


def test_two_overrides_in_30_s_end_readiness_and_it_takes_60_quiet_seconds_to_return():
    flight = Flight()
    for _ in range(60):
        flight.approach()
    flight.end()
    assert flight.judge()[0]
    flight.gate.override(flight.now_ns)
    assert flight.judge()[0]
    flight.gate.override(flight.now_ns)
    assert "2 overrides" in flight.gate.judge(flight.now_ns)
    assert not flight.gate.ready_fast
    flight.see(FAR, FAR, 40.0)
    assert flight.judge() == (False, False)
    flight.see(FAR, FAR, 25.0)
    assert flight.judge()[1]


def test_a_student_that_always_cries_obstacle_is_never_ready():
    flight = Flight()
    for _ in range(60):
        flight.see(FAR, NEAR, 2.6)
        flight.see(NEAR, NEAR, 1.0)
        flight.see(CLOSE, CLOSE, 0.5)
    flight.see(FAR, NEAR, 0.6)
    assert flight.gate.hit_bound() >= 0.95
    assert flight.gate.false_alarm_bound() > 0.9
    assert flight.judge() == (False, False)


def test_distrust_asks_for_all_proofs_anew():
    flight = Flight()
    for _ in range(60):
        flight.approach()
    flight.end()
    assert flight.judge()[0]
    flight.gate.distrust()
    assert flight.judge() == (False, False)


def test_the_gate_resumes_in_the_middle_of_an_approach():
    flight = Flight()
    for _ in range(12):
        flight.approach()
    flight.end()
    flight.see(NEAR, NEAR, 0.3)
    other = Flight()
    other.gate.load_state(flight.gate.state())
    other.frame = flight.frame
    for each in (flight, other):
        each.see(CLOSE, FAR, 0.5)
        each.end()
    assert flight.gate.counts["events"] == 13
    assert other.gate.state().digest() == flight.gate.state().digest()


def test_refuses_windows_that_can_never_prove_anything():
    with pytest.raises(BadInputError, match="58 events"):
        GateConfig(window=58)
    with pytest.raises(BadInputError, match="must grow"):
        ApproachConfig(override_m=1.5)


def test_auc_and_calibration_error_against_naive_counts():
    rng = np.random.default_rng(0)
    reliability = Reliability(1.4, window=600)
    rows = []
    for _ in range(600):
        score = float(np.round(rng.uniform(0.1, 2.0), 1))
        positive = bool(rng.uniform() < score / 2.0)
        rows.append((score, reliability.add(score, positive=positive), positive))
    pairs = [(a > b) + 0.5 * (a == b) for a, _, x in rows if x for b, _, y in rows if not y]
    assert reliability.auc() == pytest.approx(np.mean(pairs))
    bins: dict[int, list[float]] = {}
    for _, probability, positive in rows:
        bins.setdefault(min(int(probability * 16), 15), []).append(probability - positive)
    naive = sum(abs(sum(gaps)) for gaps in bins.values()) / 600
    assert reliability.calibration_error() == pytest.approx(naive)
    assert naive < 0.05  # the probability is calibrated


def test_the_probability_knew_only_earlier_frames():
    reliability = Reliability(1.4)
    assert reliability.add(1.0, positive=True) == 0.5
    assert reliability.add(1.0, positive=False) == pytest.approx(2 / 3)
    assert np.isnan(reliability.calibration_error())
