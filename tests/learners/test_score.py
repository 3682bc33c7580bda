from __future__ import annotations

import json
import math

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.online.depth.figures import lesson_figures
from selfcue.learners.online.depth.priors import DepthPriors
from selfcue.learners.online.depth.score import block_bootstrap, score_depth
from selfcue.learners.online.depth.scorer_node import DepthScorerNode
from selfcue.learners.online.depth.scorer_params import DepthScorerParams
from selfcue.messages import Estimate, Image
from selfcue.testing import LoopSystem
from tests.learners.conftest import NS, trusted_of

SHAPE = (8, 12)


def truth_of(depth: float, *, share: float = 0.3, seed: int = 0) -> np.ndarray:
    truth = np.full(SHAPE, np.nan, dtype=np.float32)
    truth[np.random.default_rng(seed).uniform(size=SHAPE) < share] = depth
    return truth


def test_figures_against_a_naive_loop():
    rng = np.random.default_rng(0)
    rho = rng.uniform(0.02, 0.5, SHAPE)
    valid = rng.uniform(size=SHAPE) < 0.8
    truth = np.where(rng.uniform(size=SHAPE) < 0.5, rng.uniform(2.0, 100.0, SHAPE), np.nan)
    score = score_depth(rho, valid, truth)
    rel, square, good, n = 0.0, 0.0, 0, 0
    with_truth = 0
    for y in range(8):
        for x in range(12):
            if not 0 < truth[y, x] < 80:
                continue
            with_truth += 1
            if not valid[y, x]:
                continue
            z, t = min(80.0, 1 / rho[y, x]), truth[y, x]
            rel += abs(z - t) / t
            square += (z - t) ** 2
            good += max(z / t, t / z) < 1.25
            n += 1
    assert score is not None
    assert score.pixels == n
    assert score.coverage == pytest.approx(n / with_truth)
    assert score.abs_rel == pytest.approx(rel / n)
    assert score.rmse_m == pytest.approx(math.sqrt(square / n))
    assert score.delta1 == pytest.approx(good / n)


def test_a_smaller_estimate_is_read_where_the_truth_lies():
    columns = np.linspace(0.1, 0.4, 6)[None].repeat(4, axis=0)  # half of 8 x 12, rising to the right
    truth = np.full(SHAPE, np.nan)
    truth[3, 5] = 1.0 / np.interp((5 + 0.5) / 2 - 0.5, np.arange(6), columns[0])
    score = score_depth(columns, np.ones(columns.shape, dtype=bool), truth)
    assert score is not None
    assert score.abs_rel == pytest.approx(0.0, abs=1e-9)


def test_one_number_stands_for_the_whole_view():
    score = score_depth(np.array([0.1]), np.array([True]), truth_of(12.5))
    assert score is not None
    assert score.abs_rel == pytest.approx(0.2)
    assert score_depth(np.array([0.1]), np.array([False]), truth_of(12.5)) is None
    with pytest.raises(BadInputError, match="mask like the estimate"):
        score_depth(np.ones((2, 2)), np.ones(3, dtype=bool), truth_of(1.0))


def test_infinitely_far_counts_as_80_metres():
    score = score_depth(np.zeros(SHAPE), np.ones(SHAPE, dtype=bool), truth_of(40.0))
    assert score is not None
    assert score.abs_rel == pytest.approx(1.0)


def test_the_bootstrap_resamples_blocks_not_frames():
    rng = np.random.default_rng(0)
    level = rng.normal(0.0, 1.0, 12).repeat(20)  # frames of a block are all alike
    low, high = block_bootstrap(level, [i // 20 for i in range(240)])
    assert high - low == pytest.approx(2 * 1.96 * level.std() / math.sqrt(12), rel=0.2)
    naive = block_bootstrap(level, list(range(240)))
    assert naive[1] - naive[0] < 0.4 * (high - low)
    ratio = block_bootstrap(np.stack([0.7 * np.ones(60), np.ones(60)], axis=1), [i // 10 for i in range(60)])
    assert ratio == pytest.approx((0.3, 0.3))
    assert all(math.isnan(end) for end in block_bootstrap(np.ones(5), [0] * 5))


def test_priors_are_running_means_of_the_teacher():
    rng = np.random.default_rng(0)
    values = rng.uniform(0.1, 1.0, (5, 4, 6)).astype(np.float32)
    valid = rng.uniform(size=values.shape) < 0.6
    valid[:, 0, :] = False  # a row that the teacher never saw
    valid[:, 2, 3] = False
    priors = DepthPriors()
    assert priors.row_mean() is None
    for value, mask in zip(values, valid, strict=True):
        priors.learn(value, mask)
    rows, pixels = priors.row_mean(), priors.pixel_mean()
    assert rows is not None
    assert pixels is not None
    for y in range(1, 4):
        assert rows[y, 0] == pytest.approx(values[:, y][valid[:, y]].mean())
    assert rows[0, 0] == rows[1, 0]
    assert pixels[2, 3] == rows[2, 0]
    assert pixels[1, 1] == pytest.approx(values[:, 1, 1][valid[:, 1, 1]].mean())
    again = DepthPriors()
    again.load_state(priors.state())
    assert again.state().digest() == priors.state().digest()


def test_lesson_figures_by_hand():
    rho, scale = np.array([[0.5, 0.2]], np.float32), np.array([[0.1, 0.1]], np.float32)
    target, weight = np.array([[0.4, 0.8]], np.float32), np.array([[1.0, 3.0]], np.float32)
    figures = lesson_figures(rho, scale, target, weight)
    assert figures["error"] == pytest.approx((0.1 + 3 * 0.6) / 4)
    assert figures["inside"] == pytest.approx(0.25)  # 0.1 <= 0.23, 0.6 is not
    assert figures["nll"] == pytest.approx((1.0 + 3 * 6.0) / 4 + math.log(0.1))
    assert figures["abs_rel"] == pytest.approx((0.2 + 3 * 3.0) / 4)
    assert math.isnan(lesson_figures(rho, scale, target, 0 * weight)["error"])


# -- the node ----------------------------------------------------------------------------------------------------------


def student_of(rho: float, stamp_ns: int) -> Estimate:
    value = np.full((4, 6), rho, dtype=np.float32)
    return Estimate(
        stamp_ns=stamp_ns,
        cue="student",
        quantity="inverse_depth_per_m",
        value=value,
        lower=value,
        upper=value,
        valid=np.ones(value.shape, dtype=bool),
        confidence=0.5,
    )


def drive(
    folder, params: DepthScorerParams, frames: int, *, first: int = 0, loop: LoopSystem | None = None
) -> LoopSystem:
    """Frames at 10 Hz, LiDAR on every second one; the student is off by 10 %, the teacher on every fourth frame."""
    if loop is None:
        loop = LoopSystem(folder)
        loop.add(DepthScorerNode("scorer", params))
    for i in range(first, frames):
        stamp_ns = i * NS // 10
        loop.feed("depth/student", student_of(0.1 / 1.1, stamp_ns))
        loop.feed("depth/trusted", trusted_of(np.full(SHAPE, 0.1 if i % 4 else 0.14), stamp_ns))
        if i % 2 == 0:
            loop.feed("lidar/depth", Image(stamp_ns=stamp_ns, encoding="32FC1", data=truth_of(10.0)))
        loop.tick(stamp_ns + NS // 20)
    return loop


def report_of(folder) -> dict:
    return dict(json.loads((folder / "scorer" / "score.json").read_text()))


def test_the_node_scores_before_the_priors_learn(tmp_path):
    loop = drive(tmp_path, DepthScorerParams(freeze_after_frame=59, block_frames=10), 100)
    loop.finish()
    report = report_of(tmp_path)
    assert (report["pictures"], report["prior_frames"]) == (100, 60)
    learned, frozen = report["stretches"]["predict_before_learn"], report["stretches"]["frozen"]
    assert (learned["frames"], frozen["frames"]) == (30, 20)
    assert learned["student"]["abs_rel"] == pytest.approx(0.1, abs=1e-4)
    assert learned["row_mean"]["frames"] == 29  # nothing was known before the first frame
    assert frozen["teacher"]["abs_rel"] == pytest.approx((0.0 + (1 - 0.1 / 0.14)) / 2, abs=1e-4)
    expected = 1.0 - 0.1 / (0.1 * 0.75 + 0.14 * 0.25)
    assert frozen["row_mean"]["abs_rel"] == pytest.approx(expected, abs=1e-4)
    assert frozen["below_row_mean"]["value"] == pytest.approx(1 - 0.1 / expected, abs=1e-3)
    rows = report["rows"]
    assert rows[0]["frame"] == 0
    assert "row_mean" not in rows[0]["scores"]
    assert rows[1]["scores"]["row_mean"]["abs_rel"] == pytest.approx(
        1 - 0.1 / ((0.14 + 0.1) / 2), abs=1e-4
    )  # frames 0, 1
    blocks = [event for event in loop.published("journal") if event.kind == "score_block"]
    assert [event.detail["block"] for event in blocks] == list(range(10))


def test_a_silent_teacher_does_not_stop_the_scoring(tmp_path):
    loop = LoopSystem(tmp_path)
    loop.add(DepthScorerNode("scorer", DepthScorerParams()))
    for i in range(40):
        stamp_ns = i * NS // 10
        loop.feed("depth/student", student_of(0.1, stamp_ns))
        if i < 10 or i == 30:
            loop.feed("depth/trusted", trusted_of(np.full(SHAPE, 0.1), stamp_ns))
        loop.feed("lidar/depth", Image(stamp_ns=stamp_ns, encoding="32FC1", data=truth_of(10.0)))
        loop.tick(stamp_ns)
    loop.finish()
    stretch = report_of(tmp_path)["stretches"]["predict_before_learn"]
    assert stretch["student"]["frames"] == 40
    assert stretch["teacher"]["frames"] == 11


def test_truth_without_a_picture_is_left_out_and_no_truth_gives_an_empty_sheet(tmp_path):
    loop = LoopSystem(tmp_path)
    loop.add(DepthScorerNode("scorer", DepthScorerParams(freeze_after_frame=5)))
    loop.feed("lidar/depth", Image(stamp_ns=77, encoding="32FC1", data=truth_of(10.0)))
    loop.feed("depth/student", student_of(0.1, 100))
    loop.tick(200)
    loop.finish()
    report = report_of(tmp_path)
    assert report["rows"] == []
    assert report["stretches"]["frozen"]["student"]["abs_rel"] is None


@pytest.mark.parametrize("cut", [3, 31])
def test_the_node_resumes_as_if_it_had_not_been_cut(tmp_path, cut):
    params = DepthScorerParams(freeze_after_frame=29, block_frames=10)
    drive(tmp_path / "whole", params, 50).finish()
    first = drive(tmp_path / "first", params, cut)
    second = LoopSystem(tmp_path / "second")
    second.add(DepthScorerNode("scorer", params))
    second.resume(first.snapshot())
    drive(tmp_path, params, 50, first=cut, loop=second).finish()
    assert report_of(tmp_path / "second") == report_of(tmp_path / "whole")
