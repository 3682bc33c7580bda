from __future__ import annotations

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.online.budget import BudgetConfig, CpuShare, StepsPerLesson
from selfcue.learners.online.calibration import conformal_factor
from selfcue.learners.online.drift import DriftConfig, PageHinkley


def steps(budget: StepsPerLesson, lessons: int) -> list[int]:
    taken = []
    for _ in range(lessons):
        budget.earn()
        count = 0
        while budget.affords():
            budget.spend()
            count += 1
        taken.append(count)
    return taken


@pytest.mark.parametrize(
    ("rate", "expected"), [(1.0, [1, 1, 1, 1]), (0.5, [0, 1, 0, 1]), (2.5, [2, 3, 2, 3]), (0.0, [0] * 4)]
)
def test_steps_per_lesson_admits_fractions(rate, expected):
    assert steps(StepsPerLesson(BudgetConfig(steps_per_lesson=rate)), 4) == expected


def test_a_tenth_is_paid_exactly():
    assert sum(steps(StepsPerLesson(BudgetConfig(steps_per_lesson=0.1)), 1000)) == 100


def test_steps_that_could_not_be_taken_do_not_pile_up():
    budget = StepsPerLesson(BudgetConfig(steps_per_lesson=1.0))
    for _ in range(50):
        budget.earn()
    count = 0
    while budget.affords():
        budget.spend()
        count += 1
    assert count <= 2


def test_the_cpu_share_is_kept_whatever_a_step_costs():
    now = {"wall": 0.0, "cpu": 0.0}
    budget = CpuShare(BudgetConfig(cpu_share=0.2), wall=lambda: now["wall"], cpu=lambda: now["cpu"])
    taken = 0
    for _ in range(1000):  # 100 s of lessons at 10 Hz, a step costs 50 ms: 0.5 cores if all were taken
        now["wall"] += 0.1
        budget.earn()
        if budget.affords():
            now["cpu"] += 0.05
            budget.spend()
            taken += 1
    assert taken * 0.05 / 100.0 == pytest.approx(0.2, abs=0.01)


def test_saved_up_time_is_bounded_and_a_lesson_pays_for_one_step():
    now = {"wall": 0.0, "cpu": 0.0}
    budget = CpuShare(BudgetConfig(cpu_share=0.5, burst_s=0.2), wall=lambda: now["wall"], cpu=lambda: now["cpu"])
    budget.affords()
    now["wall"] = 1000.0
    taken = 0
    for _ in range(10):
        budget.earn()
        while budget.affords():
            now["cpu"] += 0.1
            budget.spend()
            taken += 1
    assert taken == 3  # 0.2 s saved up: two steps, and the third goes into debt


def test_page_hinkley_sounds_on_a_rise_and_not_on_noise_or_a_fall():
    rng = np.random.default_rng(0)
    test = PageHinkley(DriftConfig(threshold=50.0))
    assert not any(test.add(x) for x in rng.normal(0.0, 0.3, 2000))
    falling = PageHinkley(DriftConfig(threshold=50.0))
    assert not any(falling.add(x) for x in np.linspace(3.0, -3.0, 500))
    after = next(i for i, x in enumerate(rng.normal(1.5, 1.0, 500)) if test.add(x))
    assert 20 < after < 120
    assert test.level == 0.0  # starts anew


def test_page_hinkley_against_a_naive_sum_and_across_a_restart():
    values = np.random.default_rng(1).normal(0.0, 1.0, 200)
    config = DriftConfig(delta=0.01, threshold=1e9, warm_up=5)
    test = PageHinkley(config)
    for value in values[:100]:
        test.add(value)
    again = PageHinkley(config)
    again.load_state(test.state())
    for value in values[100:]:
        again.add(value)
    total, least = 0.0, 0.0
    for i in range(5, 200):
        total += values[i] - values[: i + 1].mean() - 0.01
        least = min(least, total)
    assert again.level == pytest.approx(total - least)
    assert not again.add(float("nan"))


def test_conformal_intervals_cover_nine_tenths_of_new_targets():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(200):
        calibration = [np.abs(rng.standard_t(3, 50)) for _ in range(4)]
        factor = conformal_factor(calibration)
        assert factor is not None
        covered.append((np.abs(rng.standard_t(3, 200)) <= factor).mean())
    assert 0.895 < np.mean(covered) < 0.915


def test_conformal_factor_is_the_ceil_rank():
    assert conformal_factor([np.arange(1.0, 20.0)]) == 18.0  # ceil(20 * 0.9)
    assert conformal_factor([np.arange(8.0)]) is None  # 8 values can promise 8 / 9 at most
    assert conformal_factor([]) is None
    assert conformal_factor([np.array([1.0] * 5 + [np.nan] * 20)]) is None  # mostly infinitely far off


def test_refuses_impossible_settings():
    with pytest.raises(BadInputError, match="cpu_share"):
        BudgetConfig(cpu_share=1.5)
    with pytest.raises(BadInputError, match="threshold"):
        DriftConfig(threshold=0.0)
