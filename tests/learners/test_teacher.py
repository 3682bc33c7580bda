from __future__ import annotations

import numpy as np
import pytest

from selfcue.corridor import estimate_score
from selfcue.errors import BadInputError
from selfcue.learners.online.depth.sizes import sizes_for
from selfcue.learners.online.depth.teacher import DepthTeacher
from selfcue.learners.online.interfaces import Lesson, Sample, TrustedCue
from tests.learners.conftest import SIZES, image_of, scene, trusted_of

CAMERA = ((57.7, 57.7, 31.5, 23.5), (64, 48))


def teach(rho, *, valid=None, stamp_ns=5, teacher=None) -> list[Lesson]:
    picture, _ = scene(0)
    teacher = teacher or DepthTeacher(SIZES)
    sample = Sample(stamp_ns, {"image": image_of(picture, stamp_ns), "trusted": trusted_of(rho, stamp_ns, valid)})
    return [item for item in teacher.teach(sample) if isinstance(item, Lesson)]


def test_is_a_trusted_cue():
    cue: TrustedCue = DepthTeacher(SIZES)
    assert cue.state().meta == {"next_id": 0}


def test_the_lesson_is_stamped_with_the_capture_time_of_the_picture():
    _, rho = scene(0)
    (lesson,) = teach(rho, stamp_ns=123_456)
    assert lesson.stamp_ns == 123_456
    assert lesson.inputs["image"].shape == (48, 64, 3)
    np.testing.assert_allclose(lesson.target["inverse_depth_per_m"], rho[::2, ::2], atol=1.3)
    assert (lesson.target["weight"] == 1).all()


def test_silence_of_the_teacher_is_nan_with_weight_zero():
    _, rho = scene(0)
    valid = np.ones(rho.shape, dtype=bool)
    valid[:, :20] = False
    valid[0, 21] = valid[1, 20] = valid[1, 21] = False  # one of four left: enough
    (lesson,) = teach(rho, valid=valid)
    target, weight = lesson.target["inverse_depth_per_m"], lesson.target["weight"]
    assert np.isnan(target[:, :10]).all()
    assert not weight[:, :10].any()
    assert weight[0, 10] == 0.25
    assert np.isfinite(target[:, 10:]).all()


def test_a_frame_that_says_almost_nothing_is_no_lesson():
    _, rho = scene(0)
    valid = np.zeros(rho.shape, dtype=bool)
    valid[:4, :4] = True
    assert teach(rho, valid=valid) == []


def test_the_obstacle_score_is_the_corridors_where_the_camera_is_known():
    _, rho = scene(0)
    (blind,) = teach(rho)
    assert np.isnan(blind.target["obstacle_per_m"][0])
    teacher = DepthTeacher(SIZES)
    teacher.camera = CAMERA
    (lesson,) = teach(rho, teacher=teacher)
    assert lesson.target["obstacle_per_m"][0] == pytest.approx(estimate_score(trusted_of(rho), *CAMERA))


def test_serves_a_camera_of_any_size():
    rng = np.random.default_rng(0)
    sizes = sizes_for(621, 187, 1)
    from selfcue.messages import Image

    image = Image(stamp_ns=1, encoding="mono8", data=rng.integers(0, 255, (187, 621)).astype(np.uint8))
    trusted = trusted_of(rng.uniform(0.01, 0.2, (187, 621)), 1)
    (lesson,) = DepthTeacher(sizes).teach(Sample(1, {"image": image, "trusted": trusted}))
    assert isinstance(lesson, Lesson)
    assert lesson.inputs["image"].shape == (96, 320)
    assert lesson.target["inverse_depth_per_m"].shape == (48, 160)


def test_refuses_samples_that_do_not_belong_together():
    picture, rho = scene(0)
    teacher = DepthTeacher(SIZES)
    with pytest.raises(BadInputError, match="cannot label"):
        list(teacher.teach(Sample(1, {"image": image_of(picture, 1), "trusted": trusted_of(rho, 2)})))
    with pytest.raises(BadInputError, match="an Image 'image' and an Estimate 'trusted'"):
        list(teacher.teach(Sample(1, {"image": image_of(picture, 1)})))
    with pytest.raises(BadInputError, match="taught by"):
        list(teacher.teach(Sample(1, {"image": image_of(picture, 1), "trusted": trusted_of(np.ones(1), 1)})))


def test_counts_on_after_a_restart():
    _, rho = scene(0)
    teacher = DepthTeacher(SIZES)
    teach(rho, teacher=teacher)
    again = DepthTeacher(SIZES)
    again.load_state(teacher.state())
    assert teach(rho, teacher=again)[0].id == 1
