from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.online.depth.texton_config import TextonConfig
from selfcue.learners.online.depth.texton_words import TextonWords, WordsConfig, features
from selfcue.learners.online.depth.textons import TextonStudent
from selfcue.learners.online.interfaces import Sample
from selfcue.learners.online.promotion import PromotableStudent
from tests.learners.conftest import SIZES, depth_lesson, image_of, scene

LESSONS = [depth_lesson(i) for i in range(80)]
UNSEEN = [depth_lesson(i) for i in range(1000, 1020)]
MEAN = TextonConfig(target="mean")


def taught(config: TextonConfig = MEAN, seed: int = 0, lessons=LESSONS) -> TextonStudent:
    student = TextonStudent(SIZES, config, seed=seed)
    for start in range(0, len(lessons), 8):
        student.study(lessons[start : start + 8])
    student.study(lessons[:8])
    student.deploy(student.candidate())
    return student


def test_is_a_student_that_can_be_promoted():
    student: PromotableStudent = TextonStudent(SIZES)
    assert student.widen == 1.0


def test_learns_the_mean_depth_of_a_view_it_has_never_seen():
    student = taught()
    mean = np.mean([student._target(lesson) for lesson in LESSONS])
    constant = np.mean([abs(student._target(lesson) - mean) for lesson in UNSEEN])
    assert student.score(UNSEEN)["error"] < 0.6 * constant


def test_the_estimate_is_one_number_with_its_interval():
    estimate = taught().estimate(Sample(3, {"image": image_of(scene(7)[0], 3)}))
    assert estimate.value.shape == (1,)
    assert estimate.quantity == "inverse_depth_per_m"
    assert estimate.valid[0]
    assert estimate.lower[0] < estimate.value[0] < estimate.upper[0]


def test_says_nothing_while_untaught():
    student = TextonStudent(SIZES)
    estimate = student.estimate(Sample(3, {"image": image_of(scene(7)[0], 3)}))
    assert not estimate.valid[0]
    assert estimate.confidence == 0.0
    assert np.isfinite(estimate.value).all()
    assert np.isnan(student.score(UNSEEN)["error"])


def test_the_corridor_target_is_the_teachers_score_and_blocked_views_are_bounded():
    student = TextonStudent(SIZES)
    blocked = dataclasses.replace(LESSONS[0], target={**LESSONS[0].target, "obstacle_per_m": np.array([10.0])})
    assert student._target(LESSONS[0]) == pytest.approx(float(LESSONS[0].target["obstacle_per_m"][0]))
    assert student._target(blocked) == student.config.most_per_m


def test_a_feature_is_two_histograms_and_an_entropy_that_falls_when_one_thing_fills_the_view():
    config = WordsConfig()
    words = TextonWords(config, np.random.default_rng(0))
    for seed in range(20):
        words.learn(scene(seed)[0])
    row = features(scene(3)[0], words.words, config)
    assert row.shape == (21,) == (words.size,)
    assert row[:10].sum() == pytest.approx(1.0, abs=1e-5)
    assert row[10:20].sum() == pytest.approx(1.0, abs=1e-5)
    plain = np.full((48, 64, 3), 90, dtype=np.uint8)
    assert features(plain, words.words, config)[20] < row[20]
    np.testing.assert_array_equal(row, features(scene(3)[0], words.words, config))  # nothing is left over


def test_words_are_the_nearest_ones_as_in_a_naive_loop():
    config = WordsConfig(patches=50)
    words = TextonWords(config, np.random.default_rng(0))
    picture = scene(1)[0]
    words.learn(picture)
    gray = picture.astype(np.float32).mean(axis=2)
    gray = (gray - gray.mean()) / gray.std()
    found = features(picture, words.words, config)[:10]
    counts = np.zeros(10)
    rows, columns = round((50 * 44 / 60) ** 0.5), 50 // round((50 * 44 / 60) ** 0.5)
    for y in np.linspace(0, 43, rows).astype(int):
        for x in np.linspace(0, 59, columns).astype(int):
            patch = gray[y : y + 5, x : x + 5].reshape(-1)
            counts[int(np.argmin([((patch - word) ** 2).sum() for word in words.words[0]]))] += 1
    np.testing.assert_allclose(found, counts / counts.sum(), atol=1e-6)


def test_the_dictionary_stops_learning_when_it_is_finished():
    words = TextonWords(WordsConfig(learned_patches=150), np.random.default_rng(0))
    for seed in range(3):
        words.learn(scene(seed)[0])
    finished = words.words.copy()
    words.learn(scene(9)[0])
    np.testing.assert_array_equal(words.words, finished)


def test_the_table_is_bounded_and_keeps_what_replay_touched():
    student = TextonStudent(SIZES, TextonConfig(target="mean", capacity=20))
    student.study(LESSONS[:20])
    student.study(LESSONS[:5])
    student.study(LESSONS[20:30])
    assert sorted(student._table) == [0, 1, 2, 3, 4, *range(15, 30)]


def test_resumes_bit_for_bit_and_estimating_changes_nothing():
    whole = taught(lessons=LESSONS[:24])
    digest = whole.state().digest()
    whole.estimate(Sample(0, {"image": image_of(scene(0)[0])}))
    whole.score(UNSEEN)
    assert whole.state().digest() == digest
    again = TextonStudent(SIZES, MEAN, seed=77)
    again.load_state(whole.state())
    for student in (whole, again):
        student.study(LESSONS[24:48])
    assert again.state().digest() == whole.state().digest()


def test_weights_start_another_student_of_the_same_kind():
    first = taught()
    other = TextonStudent(SIZES, MEAN, seed=5)
    other.start_from(first.export_weights())
    assert other.score(UNSEEN) == first.score(UNSEEN)
    with pytest.raises(BadInputError, match="target 'mean'"):
        TextonStudent(SIZES, TextonConfig(target="corridor")).start_from(first.export_weights())
    with pytest.raises(BadInputError, match="use dense"):
        other.export_spec()
