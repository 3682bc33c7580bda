"""The learner's node on the bus, with toy pictures in place of a camera and their true depth in place of stereo."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

from selfcue.errors import BadInputError
from selfcue.learners.online.depth.node import DepthLearnerNode
from selfcue.learners.online.depth.params import DepthLearnerParams
from selfcue.learners.online.engine_config import EngineConfig
from selfcue.learners.online.promotion import PromotionConfig
from selfcue.messages import CameraInfo, Image, JournalEvent, Trust
from selfcue.state import load_state, save_state
from selfcue.testing import LoopSystem
from tests.learners.conftest import NS, image_of, scene, trusted_of

INFO = CameraInfo(
    stamp_ns=0,
    width=64,
    height=48,
    k=(57.7, 0.0, 31.5, 0.0, 57.7, 23.5, 0.0, 0.0, 1.0),
    p=(57.7, 0.0, 31.5, 0.0, 0.0, 57.7, 23.5, 0.0, 0.0, 0.0, 1.0, 0.0),
)
QUICK = EngineConfig(promotion=PromotionConfig(every_steps=5, lessons=4), curve_s=2.0)
PARAMS = DepthLearnerParams(engine=QUICK, checkpoint_s=2.0, obstacles=False)
TICK = NS // 40


def system(folder, params: DepthLearnerParams = PARAMS) -> LoopSystem:
    loop = LoopSystem(folder)
    loop.add(DepthLearnerNode("learner", params))
    return loop


def feed(loop: LoopSystem, ticks: range, *, trust: str = "ok", late: int = 1) -> None:
    """A picture every second tick (20 Hz); its trusted depth and the trust in it ``late`` ticks after."""
    for k in ticks:
        if k == 0:
            loop.feed("stereo/left/camera_info", INFO)
        if k % 2 == 0:
            loop.feed("stereo/left/image", image_of(scene(k)[0], k * TICK))
        of = k - late
        if of >= 0 and of % 2 == 0:
            loop.feed("depth/trusted", trusted_of(scene(of)[1], of * TICK))
            loop.feed("trust/stereo", Trust(stamp_ns=of * TICK, cue="stereo", level=trust))  # type: ignore[arg-type]
        loop.tick(k * TICK)


def counts(loop: LoopSystem) -> dict[str, int]:
    return dict(loop.published("depth/status")[-1].counts)


def kinds(loop: LoopSystem) -> set[str]:
    return {event.kind for event in loop.published("journal")}


@pytest.mark.parametrize("student", ["dense", "textons"])
def test_every_picture_gets_an_estimate_at_once_and_lessons_come_at_their_rate(tmp_path, student):
    loop = system(tmp_path, dataclasses.replace(PARAMS, student=student))
    feed(loop, range(160))
    loop.finish()
    estimates = loop.published("depth/student")
    assert [x.stamp_ns for x in estimates] == [k * TICK for k in range(0, 160, 2)]
    assert estimates[0].value.shape == ((24, 32) if student == "dense" else (1,))
    found = counts(loop)
    assert found["offered"] == 80
    assert found["lessons"] == found["steps"] == 40
    assert found["promotions"] >= 1
    assert kinds(loop) >= {"promotion", "skill", "checkpoint"}
    assert len(loop.published("depth/status")) == 9  # 2 Hz, and one at the end


def test_the_estimate_of_a_picture_knows_nothing_of_its_lesson(tmp_path):
    taught, untaught = system(tmp_path / "a"), system(tmp_path / "b")
    feed(taught, range(8))
    feed(untaught, range(8), trust="lost")
    for a, b in zip(taught.published("depth/student"), untaught.published("depth/student"), strict=True):
        np.testing.assert_array_equal(a.value, b.value)  # no promotion yet: both say what they said at the start


@pytest.mark.parametrize("trust", ["suspect", "lost"])
def test_no_lesson_without_trust(tmp_path, trust):
    loop = system(tmp_path)
    feed(loop, range(80), trust=trust)
    loop.finish()
    assert counts(loop)["refused"] > 0
    assert counts(loop)["lessons"] == counts(loop)["steps"] == 0


def test_trust_counts_from_the_same_tick_and_nobodys_word_counts_as_none(tmp_path):
    loop = system(tmp_path)
    loop.feed("stereo/left/image", image_of(scene(0)[0], 0))
    loop.tick(0)
    loop.feed("depth/trusted", trusted_of(scene(0)[1], 0))
    loop.tick(TICK)
    loop.finish()
    assert counts(loop)["refused"] == 1
    other = system(tmp_path / "b")
    feed(other, range(2))
    other.finish()
    assert counts(other)["lessons"] == 1


def test_depth_is_matched_by_capture_time_and_too_late_is_too_late(tmp_path):
    loop = system(tmp_path / "late")
    feed(loop, range(80), late=31)  # 0.8 s
    assert counts(loop)["lessons"] > 5
    stamps = set(loop.snapshot().part("learner").part("engine").part("memory").arrays["stamps"].tolist())
    assert stamps <= {k * TICK for k in range(0, 80, 2)}
    too_late = system(tmp_path / "too_late")
    feed(too_late, range(120), late=51)  # 1.3 s
    too_late.finish()
    assert counts(too_late)["offered"] == 0


@pytest.mark.parametrize("limit", [{"learn_until_s": 1.0}, {"learn_until_frame": 20}])
def test_learning_ends_when_it_was_told_to(tmp_path, limit):
    loop = system(tmp_path, dataclasses.replace(PARAMS, **limit))
    feed(loop, range(120))
    loop.finish()
    assert "freeze" in kinds(loop)
    assert 9 <= counts(loop)["steps"] <= 12
    assert counts(loop)["lessons"] == 30  # scored to the end
    values = [x.value for x in loop.published("depth/student") if x.stamp_ns > 45 * TICK]
    assert loop.published("depth/status")[-1].frozen
    assert len(values) > 30


def test_overrides_of_the_journal_reach_the_gate(tmp_path):
    loop = system(tmp_path)
    feed(loop, range(40))
    loop.feed("journal", JournalEvent(stamp_ns=39 * TICK, kind="override"))
    loop.feed("journal", JournalEvent(stamp_ns=39 * TICK, kind="something else"))
    feed(loop, range(40, 60))
    loop.finish()
    assert counts(loop)["overrides"] == 1


def test_approaches_are_watched_only_where_there_are_obstacles(tmp_path):
    for obstacles in (True, False):
        loop = system(tmp_path / str(obstacles), dataclasses.replace(PARAMS, obstacles=obstacles))
        for k in range(100):
            if k == 0:
                loop.feed("stereo/left/camera_info", INFO)
            depth = np.full((48, 64), 1.2 if 40 <= k < 70 else 0.2)
            loop.feed("stereo/left/image", image_of(scene(k)[0], k * 2 * TICK))
            loop.tick(k * 2 * TICK)
            loop.feed("depth/trusted", trusted_of(depth, k * 2 * TICK))
            loop.feed("trust/stereo", Trust(stamp_ns=k * 2 * TICK, cue="stereo", level="ok"))
            loop.tick(k * 2 * TICK + TICK)
        loop.finish()
        assert counts(loop)["events"] == int(obstacles)
        assert math.isnan(loop.published("depth/status")[-1].skill["auc"]) != obstacles


def test_the_checkpoint_is_whole_and_starts_the_next_run(tmp_path):
    loop = system(tmp_path / "one")
    feed(loop, range(120))
    loop.finish()
    path = tmp_path / "one" / "learner" / "student.safetensors"
    facts = json.loads(path.with_suffix(".json").read_text())
    assert facts["student"] == "dense"
    assert facts["counts"]["steps"] == counts(loop)["steps"]
    assert not list(path.parent.glob("*.tmp"))
    warm = system(tmp_path / "two", dataclasses.replace(PARAMS, weights=str(path), steps_per_lesson=0.0))
    feed(warm, range(4))
    cold = loop.published("depth/student")[0]
    assert not np.array_equal(warm.published("depth/student")[0].value, cold.value)
    with pytest.raises(BadInputError, match="no such file of weights"):
        system(tmp_path / "three", dataclasses.replace(PARAMS, weights=str(tmp_path / "none.safetensors")))


@pytest.mark.parametrize("student", ["dense", "textons"])
def test_resumes_bit_for_bit(tmp_path, student):
    params = dataclasses.replace(PARAMS, student=student)
    whole = system(tmp_path / "whole", params)
    feed(whole, range(170))
    broken = system(tmp_path / "broken", params)
    feed(broken, range(71))
    save_state(tmp_path / "snapshot.npz", broken.snapshot())
    feed(broken, range(71, 90))  # lost
    again = system(tmp_path / "broken", params)
    again.resume(load_state(tmp_path / "snapshot.npz"))
    feed(again, range(71, 170))
    assert again.snapshot().digest() == whole.snapshot().digest()
    tail = [x for x in whole.published("depth/student") if x.stamp_ns >= 72 * TICK]
    for a, b in zip(again.published("depth/student"), tail, strict=True):
        np.testing.assert_array_equal(a.value, b.value)
        np.testing.assert_array_equal(a.upper, b.upper)


def test_resumes_before_the_first_picture(tmp_path):
    first = system(tmp_path / "a")
    first.tick(0)
    again = system(tmp_path / "b")
    again.resume(first.snapshot())
    feed(again, range(1, 20))
    assert len(again.published("depth/student")) == 9


def test_a_depth_picture_on_the_image_topic_is_named(tmp_path):
    loop = system(tmp_path)
    loop.feed("stereo/left/image", Image(stamp_ns=0, encoding="32FC1", data=np.zeros((48, 64), dtype=np.float32)))
    with pytest.raises(BadInputError, match="learner: stereo/left/image is '32FC1'"):
        loop.tick(0)
