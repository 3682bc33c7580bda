from __future__ import annotations

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.online.promotion import Promotion, PromotionConfig
from tests.learners.conftest import NumberStudent, number_lesson

LESSONS = [number_lesson(i, 1.0 + 0.01 * (i % 3), block=i // 5) for i in range(20)]


def pair(flying: float, raw: float, **settings) -> tuple[NumberStudent, Promotion]:
    student = NumberStudent()
    student.flying = flying
    promotion = Promotion(PromotionConfig(**settings), student)
    student.raw = raw
    return student, promotion


def test_a_better_candidate_flies():
    student, promotion = pair(0.0, 0.9)
    verdict = promotion.check(LESSONS, blocks=3)
    assert verdict.action == "promotion"
    assert verdict.candidate_error < verdict.deployed_error
    assert student.flying == 0.9


def test_a_little_worse_is_kept_back_and_learning_goes_on():
    student, promotion = pair(0.50, 0.475)  # 5 % worse
    assert promotion.check(LESSONS, blocks=3).action == "kept"
    assert (student.flying, student.raw) == (0.50, 0.475)


def test_within_two_percent_counts_as_no_worse():
    student, promotion = pair(0.50, 0.495)
    assert promotion.check(LESSONS, blocks=3).action == "promotion"
    assert student.flying == 0.495


def test_a_poisoned_update_is_rolled_back_and_the_error_restored():
    student, promotion = pair(0.0, 0.9)
    promotion.check(LESSONS, blocks=3)
    before = student.score(LESSONS)["error"]
    student.raw = -5.0
    verdict = promotion.check(LESSONS, blocks=3)
    assert verdict.action == "rollback"
    assert student.score(LESSONS)["error"] <= 1.02 * before
    assert student.raw == student.flying == 0.9


def test_rolls_back_to_the_best_of_the_ring_not_to_the_newest():
    student, promotion = pair(0.0, 0.98, worse=0.5, much_worse=0.6)
    promotion.check(LESSONS, blocks=3)
    student.raw = 0.97  # a bit worse, promoted all the same
    assert promotion.check(LESSONS, blocks=3).action == "promotion"
    student.raw = float("nan")
    assert promotion.check(LESSONS, blocks=3).action == "rollback"
    assert student.flying == 0.98


def test_weights_that_are_not_finite_never_fly():
    student, promotion = pair(0.2, float("inf"))
    assert promotion.check([], blocks=0).action == "rollback"
    assert student.flying == student.raw == 0.2


def test_one_block_is_no_judge():
    student, promotion = pair(0.9, 0.0)
    verdict = promotion.check(LESSONS, blocks=1)
    assert verdict.action == "promotion"
    assert "too little" in verdict.reason
    assert student.flying == 0.0


def test_near_copies_count_once_when_weights_are_judged():
    # Thirty pictures of one moment favour the old weights, the other three moments the new ones.
    moments = [(0, 1.0, 30), (1, 0.0, 1), (2, 0.0, 1), (3, 0.0, 1)]
    lessons = [number_lesson(100 * block + i, value, block=block) for block, value, n in moments for i in range(n)]
    _, promotion = pair(1.0, 0.0)
    verdict = promotion.check(lessons, blocks=4)
    assert verdict.candidate_error > 2 * verdict.deployed_error
    assert verdict.action == "promotion"


def test_noise_alone_does_not_roll_back():
    rng = np.random.default_rng(0)
    lessons = [number_lesson(i, float(rng.normal(0.0, 5.0))) for i in range(4)]
    student, promotion = pair(0.0, 0.0)
    student.flying, student.raw = 2.0, -2.0  # far apart, but the four lessons cannot tell which is better
    assert promotion.check(lessons, blocks=3).action != "rollback"


def test_the_ring_keeps_five_and_the_first_and_survives_a_restart():
    student, promotion = pair(0.0, 0.0, ring=5)
    for raw in np.linspace(0.1, 0.9, 9):
        student.raw = float(raw)
        promotion.check(LESSONS, blocks=3)
    state = promotion.state()
    kept = [float(state.part(f"ring-{i}").arrays["w"][0]) for i in range(state.meta["ring"])]
    np.testing.assert_allclose(kept, [0.5, 0.6, 0.7, 0.8, 0.9])
    assert state.part("first").arrays["w"][0] == 0.0
    again = Promotion(PromotionConfig(ring=5), student)
    again.load_state(state)
    assert again.state().digest() == state.digest()


def test_refuses_contradictory_settings():
    with pytest.raises(BadInputError, match="worse <= much_worse"):
        PromotionConfig(worse=0.2, much_worse=0.1)
