from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.online.descriptor import describe
from selfcue.learners.online.interfaces import Lesson, Revision
from selfcue.learners.online.lesson_store import LessonStore
from selfcue.learners.online.memory import ReplayMemory
from selfcue.learners.online.memory_config import MemoryConfig
from tests.learners.conftest import NS, number_lesson


def memory(tmp_path, seed: int = 0, **settings) -> ReplayMemory:
    return ReplayMemory(MemoryConfig(**settings), tmp_path, np.random.default_rng(seed))


def take(store: ReplayMemory, ids, **settings) -> None:
    for i in ids:
        store.store(number_lesson(i), **settings)
        store.admit()


def test_a_lesson_comes_back_as_it_went_in(tmp_path):
    store = LessonStore(tmp_path, "x")
    lesson = dataclasses.replace(number_lesson(7, 2.5, block=3), weight=0.5, label_version=2)
    store.append(lesson)
    back = store.read([0])[0]
    assert (back.id, back.stamp_ns, back.block, back.weight, back.label_version) == (7, lesson.stamp_ns, 3, 0.5, 2)
    np.testing.assert_array_equal(back.inputs["x"], lesson.inputs["x"])
    np.testing.assert_array_equal(back.target["y"], lesson.target["y"])


def test_lessons_of_another_layout_are_refused(tmp_path):
    store = LessonStore(tmp_path, "x")
    store.append(number_lesson(0))
    with pytest.raises(BadInputError, match="same arrays, dtypes and shapes"):
        store.append(Lesson(1, 0, 0, {"x": np.zeros(3)}, {}))


def test_the_reservoir_is_a_uniform_sample_of_the_whole_life(tmp_path):
    counts: Counter[int] = Counter()
    runs, life = 60, 200
    for run in range(runs):
        folder = tmp_path / str(run)
        store = memory(folder, run, capacity=40, max_cosine=1.0, batch_new=1, batch_hard=0, compact_factor=10)
        take(store, range(life))
        state = store.state()
        ids = state.arrays["ids"]
        assert len(state.arrays["reservoir"]) == 20
        counts.update(ids[state.arrays["reservoir"]].tolist())
    # each lesson is kept with probability 20 / 200: the first and the last quarter of the life equally often
    quarters = [sum(counts[i] for i in range(q * 50, q * 50 + 50)) for q in range(4)]
    expected = runs * 20 / 4
    assert all(abs(q - expected) < 5 * (expected * 0.9) ** 0.5 for q in quarters), quarters


def test_recent_is_a_ring_and_the_batch_begins_with_the_newest(tmp_path):
    store = memory(tmp_path, capacity=40, max_cosine=1.0)
    take(store, range(100))
    assert store.state().arrays["recent"].tolist() == list(range(90, 100))
    batch = store.draw(8)
    assert [lesson.id for lesson in batch[:2]] == [99, 98]
    assert len(batch) == 8


def test_near_duplicates_are_not_stored_but_hard_ones_are(tmp_path):
    store = memory(tmp_path, max_cosine=0.95)
    lesson = number_lesson(0)
    assert store.store(lesson)
    alike = dataclasses.replace(lesson, id=1, inputs={"x": lesson.inputs["x"] * 1.5 + 0.01})
    assert not store.store(alike)
    assert store.skipped == 1
    assert store.store(dataclasses.replace(alike, id=2), hard=True)
    assert store.store(number_lesson(3))


def test_a_picture_is_described_by_its_structure_not_its_exposure():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 100, (48, 64, 3)).astype(np.uint8)
    one = describe(Lesson(0, 0, 0, {"image": picture}))
    brighter = describe(Lesson(0, 0, 0, {"image": (picture + 100).astype(np.uint8)}))
    other = describe(Lesson(0, 0, 0, {"image": picture[:, ::-1]}))
    assert one.shape == (192,)
    assert float(one @ one) == pytest.approx(1.0, abs=1e-5)
    assert float(one @ brighter) > 0.999
    assert float(one @ other) < 0.5
    assert not describe(Lesson(0, 0, 0, {"image": np.full((48, 64), 9, np.uint8)})).any()


def test_waiting_lessons_are_not_drawn(tmp_path):
    store = memory(tmp_path)
    take(store, range(5))
    store.store(number_lesson(5), hard=True)
    assert store.waiting == 1
    assert all(lesson.id != 5 for _ in range(30) for lesson in store.draw(8))
    store.admit()
    assert store.draw(8)[0].id == 5


def test_moments_before_an_override_are_drawn_more_often(tmp_path):
    store = memory(tmp_path, batch_new=1, batch_hard=2)
    take(store, range(50))
    assert store.emphasise(2 * NS, 3 * NS, copies=4) == 11  # 10 Hz: lessons 20 to 30
    assert len(store.state().arrays["hard"]) == 44
    drawn = Counter(lesson.id for _ in range(200) for lesson in store.draw(8))
    inside = sum(drawn[i] for i in range(20, 31)) / 11
    outside = sum(drawn[i] for i in range(20)) / 20
    assert inside > 2 * outside


def test_a_revision_relabels_or_withdraws_everywhere(tmp_path):
    store = memory(tmp_path)
    take(store, range(6), hard=True)
    assert store.revise(Revision(4, {"y": np.array([9.0], dtype=np.float32)}, 1))
    found = {lesson.id: lesson for _ in range(30) for lesson in store.draw(8)}
    assert found[4].target["y"][0] == 9.0
    assert found[4].label_version == 1
    assert store.revise(Revision(5, None, 1))
    assert all(lesson.id != 5 for _ in range(30) for lesson in store.draw(8))
    assert not store.revise(Revision(123, None, 1))


def test_forgetting_takes_the_newest_out_of_all_sets(tmp_path):
    store = memory(tmp_path)
    take(store, range(30), hard=True)
    assert store.newest_id == 29
    assert store.forget_after(19) == 10
    assert max(lesson.id for _ in range(50) for lesson in store.draw(8)) == 19


def test_compaction_keeps_what_is_in_use_and_bounds_the_disk(tmp_path):
    store = memory(tmp_path, capacity=40, max_cosine=1.0, compact_factor=3)
    take(store, range(500))
    files = sorted(tmp_path.glob("memory-*.lessons"))
    assert len(files) == 2  # the one in use and the one that an older snapshot may refer to
    assert max(file.stat().st_size for file in files) < 4096 + 122 * 200
    state = store.state()
    ids = state.arrays["ids"]
    assert ids[state.arrays["recent"]].tolist() == list(range(490, 500))
    for index in state.arrays["reservoir"].tolist():
        expected = number_lesson(int(ids[index]))
        np.testing.assert_array_equal(store._store.read([index])[0].inputs["x"], expected.inputs["x"])


@pytest.mark.parametrize("cut", [30, 115, 250])
def test_resumes_bit_for_bit_over_compactions(tmp_path, cut):
    settings: dict[str, Any] = {"capacity": 40, "max_cosine": 1.0, "compact_factor": 3}
    whole = memory(tmp_path / "whole", **settings)
    take(whole, range(300))
    broken = memory(tmp_path / "broken", **settings)
    take(broken, range(cut))
    state = broken.state()
    generator = broken._generator.bit_generator.state
    take(broken, range(cut, cut + 25))  # runs on a little, then dies
    broken.close()
    again = memory(tmp_path / "broken", **settings)
    again.load_state(state)
    again._generator.bit_generator.state = generator
    take(again, range(cut, 300))
    assert again.state().digest() == whole.state().digest()
    assert [x.id for x in again.draw(8)] == [x.id for x in whole.draw(8)]
