from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from selfcue.errors import BadInputError  # noqa: E402 - after the check for torch
from selfcue.learners.nets.depth_net import DepthNet, DepthNetConfig  # noqa: E402
from selfcue.learners.nets.flat import FlatParameters  # noqa: E402
from selfcue.learners.online.checkpoint import load_weights, save_weights  # noqa: E402
from selfcue.learners.online.depth.dense import DenseStudent  # noqa: E402
from selfcue.learners.online.depth.dense_config import DenseConfig  # noqa: E402
from selfcue.learners.online.depth.sizes import DepthSizes  # noqa: E402
from selfcue.learners.online.interfaces import Sample  # noqa: E402
from selfcue.learners.online.promotion import PromotableStudent  # noqa: E402
from tests.learners.conftest import SIZES, depth_lesson, image_of, scene  # noqa: E402

LESSONS = [depth_lesson(i) for i in range(60)]
UNSEEN = [depth_lesson(i) for i in range(1000, 1012)]


def train(student: DenseStudent, steps: int, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        student.study([LESSONS[i] for i in rng.integers(len(LESSONS), size=8)])


@pytest.fixture(scope="module")
def taught() -> DenseStudent:
    student = DenseStudent(SIZES, seed=0)
    train(student, 150)
    student.deploy(student.candidate())
    return student


def test_is_a_student_that_can_be_promoted():
    student: PromotableStudent = DenseStudent(SIZES)
    assert student.widen == 1.0


def test_learns_a_scene_that_it_can_see_the_depth_of(taught):
    one_step = DenseStudent(SIZES, seed=0)
    train(one_step, 1)
    one_step.deploy(one_step.candidate())
    before, after = one_step.score(UNSEEN), taught.score(UNSEEN)
    assert after["error"] < 0.5 * before["error"]
    assert after["nll"] < before["nll"]


def test_knows_where_it_is_unsure(taught):
    rho, scale, miss = [], [], []
    for lesson in UNSEEN:
        r, b = taught._say(lesson.inputs["image"])
        rho.append(r)
        scale.append(b)
        miss.append(np.abs(r - lesson.target["inverse_depth_per_m"].astype(np.float32)))
    b, error = np.concatenate(scale).ravel(), np.concatenate(miss).ravel()
    order = np.argsort(b)
    assert error[order[-len(b) // 10 :]].mean() > 3 * error[order[: len(b) // 2]].mean()


def test_the_estimate_is_honest_about_shape_and_interval(taught):
    picture, _ = scene(5)
    estimate = taught.estimate(Sample(7, {"image": image_of(picture, 7)}))
    assert estimate.value.shape == estimate.lower.shape == estimate.upper.shape == (24, 32)
    assert (estimate.stamp_ns, estimate.cue, estimate.quantity) == (7, "student", "inverse_depth_per_m")
    assert (estimate.lower <= estimate.value).all()
    assert (estimate.value <= estimate.upper).all()
    assert estimate.value.dtype == np.float32
    assert 0.0 <= estimate.confidence <= 1.0
    _, b = taught._say(picture)
    np.testing.assert_allclose((estimate.upper - estimate.value) / np.log(10.0), b, rtol=1e-3, atol=1e-6)


def test_calibration_stretches_intervals_and_lowers_confidence(taught):
    picture, _ = scene(5)
    sample = Sample(7, {"image": image_of(picture, 7)})
    before = taught.estimate(sample)
    taught.calibrate(2.0)
    after = taught.estimate(sample)
    taught.calibrate(1.0)
    np.testing.assert_allclose(after.upper - after.value, 2.0 * (before.upper - before.value), rtol=1e-3, atol=1e-6)
    assert after.confidence < before.confidence


def test_exposure_changes_nothing(taught):
    picture, _ = scene(5)
    brighter = (picture * 0.6 + 40.0).round().astype(np.uint8)
    one, _ = taught._say(picture)
    two, _ = taught._say(brighter)
    assert np.abs(one - two).mean() < 0.02


def test_estimating_and_scoring_change_nothing(taught):
    digest = taught.state().digest()
    taught.estimate(Sample(0, {"image": image_of(scene(3)[0])}))
    taught.score(UNSEEN)
    taught.residuals(UNSEEN[0])
    assert taught.state().digest() == digest


def test_same_seed_same_bits_and_another_seed_others():
    students = [DenseStudent(SIZES, seed=seed) for seed in (3, 3, 4)]
    for student in students:
        train(student, 3)
    digests = [student.state().digest() for student in students]
    assert digests[0] == digests[1] != digests[2]


def test_resumes_bit_for_bit():
    whole = DenseStudent(SIZES, seed=0)
    train(whole, 4, seed=1)
    again = DenseStudent(SIZES, seed=99)
    again.load_state(whole.state())
    for student in (whole, again):
        train(student, 6, seed=2)
    assert again.state().digest() == whole.state().digest()


def test_a_step_without_a_finite_gradient_is_skipped():
    student = DenseStudent(SIZES, seed=0)
    train(student, 2)
    digest = student.deployed().digest(), student.candidate().digest()
    with torch.no_grad():
        student._raw.vector[0] = float("nan")
    losses = student.study(LESSONS[:8])
    assert losses["skipped"] == 1.0
    assert (student.deployed().digest(), student.candidate().digest()) == digest
    assert student.steps == 2


def test_only_promotion_changes_what_flies_unless_raw_is_asked_for():
    ema = DenseStudent(SIZES, seed=0)
    raw = DenseStudent(SIZES, DenseConfig(estimate_with="raw"), seed=0)
    before = ema.deployed().digest()
    for student in (ema, raw):
        train(student, 3)
    assert ema.deployed().digest() == before
    np.testing.assert_array_equal(raw.deployed().arrays["weights"], raw.state().arrays["raw"])
    ema.deploy(ema.candidate())
    assert ema.deployed().digest() == ema.candidate().digest() != before


def test_a_new_student_from_the_mean_says_the_mean():
    student = DenseStudent(SIZES, DenseConfig(from_mean=True, estimate_with="raw", learning_rate=1e-9), seed=0)
    student.study(LESSONS[:8])
    mean = np.mean([x.target["inverse_depth_per_m"].astype(np.float32) for x in LESSONS[:8]], axis=0)
    said, _ = student._say(UNSEEN[0].inputs["image"])
    assert np.corrcoef(said.ravel(), mean.ravel())[0, 1] > 0.9
    assert np.abs(said - mean).mean() < 0.5 * np.abs(mean - np.median(mean)).mean()


def test_from_the_mean_it_learns_a_constant_scene_sooner():
    fixed = [depth_lesson(3, lesson_id=i) for i in range(8)]
    errors = {}
    for from_mean in (False, True):
        student = DenseStudent(SIZES, DenseConfig(from_mean=from_mean, estimate_with="raw"), seed=0)
        for _ in range(3):
            student.study(fixed)
        errors[from_mean] = student.score(fixed[:1])["error"]
    assert errors[True] < 0.5 * errors[False]


def test_the_mean_flies_with_the_weights_it_was_promoted_with_and_survives_a_restart(tmp_path):
    config = DenseConfig(from_mean=True)
    student = DenseStudent(SIZES, config, seed=0)
    train(student, 2)
    student.deploy(student.candidate())
    said = student._say(UNSEEN[0].inputs["image"])[0].copy()
    student.study(UNSEEN[:8])  # moves the running mean
    np.testing.assert_array_equal(student._say(UNSEEN[0].inputs["image"])[0], said)
    again = DenseStudent(SIZES, config, seed=5)
    again.load_state(student.state())
    assert again.state().digest() == student.state().digest()
    again.study(LESSONS[:8])
    student.study(LESSONS[:8])
    assert again.state().digest() == student.state().digest()
    save_weights(tmp_path / "w.safetensors", student.export_weights())
    warm = DenseStudent(SIZES, config, seed=9)
    warm.start_from(load_weights(tmp_path / "w.safetensors"))
    np.testing.assert_allclose(warm._say(UNSEEN[0].inputs["image"])[0], said, atol=0.02)


def test_an_answer_is_kept_only_while_the_same_weights_fly(taught):
    student = DenseStudent(SIZES, seed=0)
    picture = UNSEEN[0].inputs["image"]
    first = student._say(picture)[0]
    assert student._say(picture.copy())[0] is first
    student.deploy(taught.candidate())
    assert not np.array_equal(student._say(picture)[0], first)


def test_restart_takes_weights_and_a_fresh_optimiser():
    student = DenseStudent(SIZES, seed=0)
    train(student, 3)
    good = student.candidate()
    train(student, 3)
    student.restart(good)
    state = student.state()
    for name in ("raw", "average", "deployed"):
        np.testing.assert_array_equal(state.arrays[name], good.arrays["weights"])
    assert not state.part("adam").arrays


def test_lessons_without_any_target_do_no_harm():
    student = DenseStudent(SIZES, seed=0)
    silent = depth_lesson(0)
    silent.target["inverse_depth_per_m"][:] = np.nan
    losses = student.study([silent] * 8)
    assert np.isfinite(losses["loss"])
    assert np.isnan(student.score([silent])["error"])
    assert student.residuals(silent).size == 0


def test_weights_on_disk_start_another_student(taught, tmp_path):
    path = tmp_path / "deep" / "student.safetensors"
    save_weights(path, taught.export_weights(), skill={"error": 0.1})
    assert sorted(p.name for p in path.parent.iterdir()) == ["student.json", "student.safetensors"]
    other = DenseStudent(SIZES, seed=9)
    other.start_from(load_weights(path))
    assert other.score(UNSEEN) == taught.score(UNSEEN)
    assert other.study(LESSONS[:8])["skipped"] == 0.0


@pytest.mark.parametrize(
    ("sizes", "config", "what"),
    [
        (DepthSizes(64, 48, 1), DenseConfig(), "channels"),
        (SIZES, DenseConfig(rho_max_per_m=0.5), "rho_max_per_m"),
        (SIZES, DenseConfig(widths=(8, 16, 24, 32)), "widths"),
        (SIZES, DenseConfig(from_mean=True), "from_mean"),
    ],
)
def test_weights_of_another_net_are_refused(taught, tmp_path, sizes, config, what):
    save_weights(tmp_path / "w.safetensors", taught.export_weights())
    with pytest.raises(BadInputError, match=what):
        DenseStudent(sizes, config).start_from(load_weights(tmp_path / "w.safetensors"))


def test_damaged_or_foreign_weights_are_named(tmp_path):
    with pytest.raises(BadInputError, match="no such file"):
        load_weights(tmp_path / "none.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(BadInputError, match="not a whole file of weights"):
        load_weights(tmp_path / "torn.safetensors")
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3)}, tmp_path / "foreign.safetensors")
    with pytest.raises(BadInputError, match="which student they belong to"):
        load_weights(tmp_path / "foreign.safetensors")


def test_says_which_picture_it_cannot_take(taught):
    from selfcue.messages import Image

    gray = Image(stamp_ns=0, encoding="mono8", data=np.zeros((48, 64), dtype=np.uint8))
    with pytest.raises(BadInputError, match="3-channel"):
        taught.estimate(Sample(0, {"image": gray}))


def test_the_net_has_the_size_that_was_planned():
    student = DenseStudent(DepthSizes(128, 96, 3))
    assert 107_000 <= student.parameters <= 140_000
    out = DepthNet(DepthNetConfig(3))(torch.zeros(1, 3, 96, 320))
    assert out.shape == (1, 2, 48, 160)
    assert student.export_spec().inputs == {"picture": (1, 3, 96, 128)}
    with pytest.raises(BadInputError, match="1 or 3 channels"):
        DepthNetConfig(channels=4)


def test_flat_parameters_are_the_modules_own():
    net = DepthNet(DepthNetConfig(3, widths=(4, 4, 8, 8)))
    before = net(torch.ones(1, 3, 16, 16)).detach()
    flat = FlatParameters(net)
    torch.testing.assert_close(net(torch.ones(1, 3, 16, 16)), before)
    net(torch.ones(1, 3, 16, 16)).sum().backward()
    parts = flat.split(flat.gradient)
    for name, parameter in net.named_parameters():
        assert torch.equal(parts[name], parameter.grad)
    flat.copy_from(torch.zeros_like(flat.vector))
    assert not any(parameter.any() for parameter in net.parameters())
