from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.online.budget import BudgetConfig
from selfcue.learners.online.drift import DriftConfig
from selfcue.learners.online.engine import Engine
from selfcue.learners.online.engine_config import EngineConfig
from selfcue.learners.online.memory_config import MemoryConfig
from selfcue.state import load_state, save_state
from tests.learners.conftest import NS, NumberStudent, NumberTeacher, number_sample

FAR, NEAR, CLOSE = 0.25, 0.85, 1.6


class Bench:
    """An engine with a pair of one number, and everything it journals."""

    def __init__(self, folder: Path, config: EngineConfig | None = None, **teacher: Any) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.teacher, self.student = NumberTeacher(**teacher), NumberStudent()
        self.engine = Engine(
            self.teacher, self.student, config, seed=0, folder=folder, journal=lambda k, **d: self.events.append((k, d))
        )

    def run(self, first: int, last: int, value: int = 100, trust: Any = "ok", hz: float = 10.0) -> None:
        for i in range(first, last):
            self.engine.offer(number_sample(i, value, hz=hz), trust)

    def kinds(self) -> set[str]:
        return {kind for kind, _ in self.events}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_learns_and_promotes(bench):
    bench.run(0, 200)
    assert bench.engine.counts_now()["steps"] == 200
    assert bench.engine.counts_now()["promotions"] == 4
    assert bench.student.flying == pytest.approx(100.0, abs=1.0)
    assert bench.kinds() >= {"promotion", "skill"}


@pytest.mark.parametrize("trust", ["suspect", "lost"])
def test_a_teacher_that_is_not_trusted_teaches_nothing(bench, trust):
    bench.run(0, 40)
    studied, steps, stored = list(bench.student.studied), bench.engine.counts_now()["steps"], len(bench.engine.memory)
    bench.run(40, 140, value=200, trust=trust)
    assert bench.student.studied == studied
    assert (bench.engine.counts_now()["steps"], len(bench.engine.memory)) == (steps, stored)
    assert bench.engine.counts_now()["refused"] == 100
    assert bench.engine.status(14 * NS).trust == trust


def test_a_lesson_that_its_teacher_does_not_trust_is_refused(tmp_path):
    bench = Bench(tmp_path, trust="suspect")
    bench.run(0, 30)
    assert bench.engine.counts_now()["refused"] == 30
    assert not bench.student.studied


def test_held_out_blocks_are_scored_and_never_learned_from(bench):
    bench.run(0, 1000)
    held = {i for i in range(1000) if i // 20 % 10 == 1}
    assert bench.engine.counts_now()["held_out"] == len(held) == 100
    assert not held & set(bench.student.studied)
    assert held <= set(bench.student.scored)


def test_each_lesson_is_scored_before_it_is_studied(bench):
    order: list[tuple[str, int]] = []
    score, study = bench.student.score, bench.student.study

    def noted_score(lessons):
        order.extend(("score", x.id) for x in lessons)
        return score(lessons)

    def noted_study(lessons):
        order.extend(("study", x.id) for x in lessons)
        return study(lessons)

    bench.student.score, bench.student.study = noted_score, noted_study
    bench.run(0, 100)
    for lesson_id in set(bench.student.studied):
        assert order.index(("score", lesson_id)) < order.index(("study", lesson_id))


def test_lessons_of_an_approach_wait_for_its_end(bench):
    def frame(i: int, teacher: float, student: float) -> None:
        bench.engine.witness(i * NS // 10, teacher, student)
        bench.engine.offer(number_sample(i), "ok")

    for i in range(60):
        frame(i, FAR, FAR)
    steps = bench.engine.counts_now()["steps"]
    for i in range(60, 75):
        frame(i, NEAR, NEAR)
    assert bench.engine.memory.waiting == 15
    assert bench.engine.counts_now()["steps"] > steps  # learning goes on, from what was there before
    approach = set(range(60, 75))
    assert not approach & set(bench.student.studied)
    for i in range(75, 85):
        frame(i, FAR, FAR)
    assert bench.engine.gate.counts["events"] == 1
    assert bench.engine.memory.waiting == 0
    assert approach & set(bench.student.studied)


def test_moments_before_an_override_are_emphasised_when_their_approach_is_over(bench):
    for i in range(90):
        bench.engine.witness(i * NS // 10, FAR if i < 70 else CLOSE, FAR)
        bench.engine.offer(number_sample(i), "ok")
    bench.engine.override(8 * NS)
    assert not bench.engine.memory.state().arrays["hard"].size
    for i in range(90, 100):
        bench.engine.witness(i * NS // 10, FAR, FAR)
        bench.engine.offer(number_sample(i), "ok")
    state = bench.engine.memory.state()
    stamps = state.arrays["stamps"][state.arrays["hard"]]
    assert sorted(stamps // (NS // 10)) == sorted(list(range(70, 81)) * 4)
    counts = bench.engine.gate.counts
    assert (counts["events"], counts["misses"], counts["overrides"]) == (1, 1, 1)


def test_lessons_are_paced_and_a_jittering_camera_loses_none(tmp_path):
    fast = Bench(tmp_path / "a")
    fast.run(0, 100, hz=20.0)
    assert fast.engine.counts_now()["lessons"] == 50
    jitter = Bench(tmp_path / "b")
    rng = np.random.default_rng(0)
    for i in range(100):
        sample = number_sample(i)
        stamp_ns = sample.stamp_ns + int(rng.integers(-8_000_000, 8_000_000)) + NS
        jitter.engine.offer(type(sample)(stamp_ns, sample.inputs), "ok")
    assert jitter.engine.counts_now()["lessons"] == 100


def test_a_lesson_stamped_later_than_its_sample_is_an_error(tmp_path):
    bench = Bench(tmp_path, shift_ns=1)
    with pytest.raises(BadInputError, match="capture time"):
        bench.engine.offer(number_sample(0), "ok")


def test_a_freeze_ends_learning_but_not_scoring(bench):
    bench.run(0, 120)
    bench.engine.freeze("test")
    flying, studied, scored = bench.student.flying, len(bench.student.studied), len(bench.student.scored)
    bench.run(120, 220, value=200)
    assert (bench.student.flying, len(bench.student.studied)) == (flying, studied)
    assert len(bench.student.scored) == scored + 100
    assert bench.engine.status(22 * NS).frozen
    assert [kind for kind, _ in bench.events].count("freeze") == 1


def test_poison_is_never_promoted_and_is_forgotten(tmp_path):
    bench = Bench(tmp_path)
    bench.run(0, 600)
    good = bench.student.flying
    bench.student.poison = -500.0
    bench.run(600, 660)
    bench.student.poison = None
    assert bench.engine.counts_now()["rollbacks"] >= 1
    assert abs(bench.student.flying - good) <= 0.02 * abs(good)
    detail = next(d for kind, d in bench.events if kind == "rollback")
    assert detail["forgotten"] > 0
    bench.run(660, 760)
    assert bench.student.flying == pytest.approx(100.0, abs=1.0)


def test_steps_without_a_finite_gradient_roll_back(bench):
    bench.run(0, 120)
    good = bench.student.flying
    bench.student.poison = float("nan")
    bench.run(120, 123)
    assert bench.engine.counts_now()["rollbacks"] == 1
    assert bench.engine.counts_now()["skipped_steps"] == 3
    bench.student.poison = None
    assert bench.student.raw == bench.student.flying == good


def test_a_drift_alarm_takes_readiness_back_to_the_start(tmp_path):
    bench = Bench(tmp_path, EngineConfig(drift=DriftConfig(threshold=20.0, warm_up=5), budget=BudgetConfig(0.0)))
    bench.run(0, 400, value=1)
    assert bench.engine.counts_now()["drift_alarms"] == 0
    bench.run(400, 700, value=200)
    assert bench.engine.counts_now()["drift_alarms"] >= 1
    assert "drift" in bench.kinds()


def test_intervals_widen_while_no_trusted_teacher_is_there(bench):
    bench.run(0, 300)

    def half(i: int) -> float:
        bench.engine.estimate(number_sample(i))
        return float(bench.student.widen)

    now = half(300)
    assert now == pytest.approx(bench.engine.status(30 * NS).skill["widen"])
    assert half(300 + 6000) == pytest.approx(now * 1.01**10, rel=1e-3)
    assert half(301) == pytest.approx(now)


def test_the_status_says_all_counts(bench):
    bench.run(0, 100)
    status = bench.engine.status(10 * NS)
    assert status.counts["lessons"] == 100
    assert status.counts["memory"] == len(bench.engine.memory) > 0
    assert status.skill["error"] >= 0
    assert (status.ready, status.ready_fast, status.frozen) == (False, False, False)


@pytest.mark.parametrize("cut", [7, 60, 333])
def test_resumes_bit_for_bit_as_if_it_had_not_been_cut(tmp_path, cut):
    config = EngineConfig(memory=MemoryConfig(capacity=60, compact_factor=2.0))

    def go(bench: Bench, first: int, last: int) -> None:
        for i in range(first, last):
            bench.engine.witness(i * NS // 10, NEAR if i % 50 > 40 else FAR, NEAR if i % 50 > 43 else FAR)
            bench.engine.offer(number_sample(i, 50 + i % 7), "ok")
            if i % 90 == 47:
                bench.engine.override(i * NS // 10)

    whole = Bench(tmp_path / "whole", config)
    go(whole, 0, cut + 130)
    broken = Bench(tmp_path / "broken", config)
    go(broken, 0, cut)
    save_state(tmp_path / "snapshot.npz", broken.engine.state())
    go(broken, cut, cut + 17)  # this is lost
    broken.engine.close()
    again = Bench(tmp_path / "broken", config)
    again.engine.load_state(load_state(tmp_path / "snapshot.npz"))
    go(again, cut, cut + 130)
    assert again.engine.state().digest() == whole.engine.state().digest()
    assert again.student.studied == whole.student.studied


def test_says_which_setting_is_wrong():
    with pytest.raises(BadInputError, match="lesson_hz > 0"):
        EngineConfig(lesson_hz=0.0)
