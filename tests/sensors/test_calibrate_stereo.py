"""``selfcue calibrate stereo``: baseline, rotation and rectification come back; sources of every kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from selfcue.errors import BadInputError, UsageError
from selfcue.messages import Image
from selfcue.record.writer import LogWriter
from selfcue.sensors.calibrate.commands import app
from selfcue.sensors.calibrate.finder import BoardFinder
from selfcue.sensors.calibrate.frames import PairSource, PictureSource, driver_frames
from selfcue.sensors.calibrate.rectify import rectified_infos, undistorted_info
from selfcue.sensors.calibrate.stereo import StereoSolution, solve_stereo
from selfcue.sensors.calibration import read_camera_info, stereo_geometry
from selfcue.sensors.driver import Driver, EndOfData, Reading
from selfcue.sensors.lens import Lens
from selfcue.sensors.rectifier import Rectifier
from selfcue.sensors.stereo.matcher import StereoMatcher
from selfcue.sensors.stereo.matcher_config import MatcherConfig
from tests.sensors.boards import BOARD, BoardCamera, Floats, Pixels, poses

cv2.setNumThreads(1)

LEFT = Lens(400, 300, 325.3, 324.7, 202.4, 146.8, (-0.28, 0.09, 0.0007, -0.0004, -0.01))
RIGHT = Lens(400, 300, 322.3, 323.7, 198.4, 152.8, (-0.25, 0.08, -0.0007, 0.0004, -0.01))
FISHEYES = (
    Lens(400, 300, 180.3, 179.7, 202.4, 146.8, (0.05, -0.01, 0.004, -0.001), "equidistant"),
    Lens(400, 300, 178.3, 179.2, 198.4, 152.8, (0.04, -0.01, 0.003, -0.001), "equidistant"),
)
TURN, SHIFT = np.array([0.01, -0.02, 0.015]), np.array([-0.12, 0.002, -0.003])
OPTIONS = ("--squares", "8x6", "--square-mm", "40", "--marker-mm", "30")
MS = 1_000_000


class Rig(NamedTuple):
    """Pairs of pictures, and the board's poses in the left camera."""

    pairs: list[tuple[Pixels, Pixels]]
    poses: list[Floats]


def shoot(lenses: Sequence[Lens], count: int) -> Rig:
    cameras = [BoardCamera(lens) for lens in lenses]
    shown = list(poses(lenses[0], count, seed=1))
    pairs = []
    for i, pose in enumerate(shown):
        moved = cv2.composeRT(pose[:3], pose[3:], TURN, SHIFT)[:2]
        seen_right = np.concatenate([part.ravel() for part in moved])
        pairs.append((cameras[0].shoot(pose, seed=i), cameras[1].shoot(seen_right, seed=100 + i)))
    return Rig(pairs, shown)


@pytest.fixture(scope="module")
def rig() -> Rig:
    return shoot((LEFT, RIGHT), 20)


def solved(rig: Rig, model: str = "plumb_bob") -> StereoSolution:
    finder = BoardFinder(BOARD)
    views = [(finder.find(left, f"{i}"), finder.find(right, f"{i}")) for i, (left, right) in enumerate(rig.pairs)]
    return solve_stereo(views, finder.points, model)


def run(*words: str | Path) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False)


def check_geometry(solution: StereoSolution, lenses: Sequence[Lens]) -> None:
    """Baseline to 0.3 %, and rows of one point in space within 0.3 px of each other, by the true cameras."""
    assert solution.baseline_m == pytest.approx(float(np.linalg.norm(SHIFT)), rel=3e-3)
    np.testing.assert_allclose(solution.rotation, TURN, atol=1.5e-3)
    assert (np.abs(solution.translation - SHIFT) < 5 * solution.translation_std + 2e-4).all()
    rng = np.random.default_rng(0)
    space = rng.uniform([-0.35, -0.25, 0.9], [0.45, 0.25, 1.4], (200, 3))
    pixels = [lenses[0].project(space), lenses[1].project(space, TURN, SHIFT)]
    rectified = []
    for info, at in zip(solution.infos, pixels, strict=True):
        found = Lens.from_info(info)
        rays = np.column_stack([found.rays(at), np.ones(len(at))]) @ np.array(info.r).reshape(3, 3).T
        k = np.array(info.p).reshape(3, 4)[:, :3]
        rectified.append(((rays / rays[:, 2:]) @ k.T)[:, :2])
    assert np.abs(rectified[0][:, 1] - rectified[1][:, 1]).max() < 0.3
    geometry = stereo_geometry(*solution.infos)
    depth = geometry.focal_baseline / (rectified[0][:, 0] - rectified[1][:, 0])
    assert np.abs(depth / space[:, 2] - 1).max() < 0.02  # the rectified camera is turned by a degree


def test_baseline_rotation_and_rectification(rig: Rig) -> None:
    solution = solved(rig)
    check_geometry(solution, (LEFT, RIGHT))
    for one, true in ((solution.left, LEFT), (solution.right, RIGHT)):
        assert np.abs(one.lens.parameters[:4] - true.parameters[:4]).max() < 0.5
    assert solution.row_rms_px < 0.15
    assert solution.size_error < 0.005
    assert len(solution.pairs) >= 15


def test_two_fisheyes() -> None:
    check_geometry(solved(shoot(FISHEYES, 18), "equidistant"), FISHEYES)


def test_a_pair_taken_at_two_moments_is_left_out(rig: Rig) -> None:
    """The right picture of one pair is that of another: the board moved between them."""
    pairs = list(rig.pairs)
    pairs[4] = (pairs[4][0], pairs[7][1])
    solution = solved(Rig(pairs, rig.poses))
    assert "4" in {view.name for view, _ in solution.rejected}
    check_geometry(solution, (LEFT, RIGHT))


def test_no_black_borders_and_one_focal_length(rig: Rig) -> None:
    infos = solved(rig).infos
    for info in infos:
        assert Rectifier(info).seen.mean() > 0.999
    assert infos[0].p[:3] == infos[1].p[:3]
    assert infos[0].p[5:7] == infos[1].p[5:7]
    assert Rectifier(undistorted_info(LEFT)).seen.mean() > 0.999


def test_rigs_that_are_no_pair() -> None:
    with pytest.raises(BadInputError, match="left and right are swapped"):
        rectified_infos(LEFT, RIGHT, TURN, -SHIFT)
    with pytest.raises(BadInputError, match="stand above one another"):
        rectified_infos(LEFT, RIGHT, TURN, np.array([0.0, 0.1, 0.0]))
    half = np.array([0.0, 1.2, 0.0])
    with pytest.raises(BadInputError, match="no view in common"):
        rectified_infos(LEFT, RIGHT, 2 * half, cv2.Rodrigues(half)[0] @ [-0.1, 0.0, 0.0])


def folders(tmp_path: Path, rig: Rig) -> tuple[Path, Path]:
    for i, pair in enumerate(rig.pairs):
        for side, picture in zip(("left", "right"), pair, strict=True):
            (tmp_path / side).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / side / f"{i:03d}.png"), picture)
    return tmp_path / "left", tmp_path / "right"


def test_from_two_folders_to_depth(rig: Rig, tmp_path: Path) -> None:
    """The files are read by the rectifier and the matcher, and the board's depth comes out."""
    left, right = folders(tmp_path, rig)
    out = tmp_path / "out"
    done = run("stereo", left, right, "--out", out, *OPTIONS, "--json")
    assert done.exit_code == 0, done.exception
    report = json.loads(done.stdout)
    assert report["verdict"]["level"] in ("GOOD", "USABLE"), report["verdict"]
    assert report["baseline_m"] == pytest.approx(0.12005, rel=3e-3)
    assert sorted(path.name for path in out.iterdir()) == ["left.yaml", "report.json", "report.png", "right.yaml"]

    infos = [read_camera_info(out / f"{side}.yaml") for side in ("left", "right")]
    geometry = stereo_geometry(*infos)
    rng = np.random.default_rng(0)
    for number in (0, 4, 8):
        pictures = [Rectifier(info).apply(image) for info, image in zip(infos, rig.pairs[number], strict=True)]
        found = StereoMatcher(400, 300, MatcherConfig(num_disparities=128)).match(*pictures)
        corners = BOARD.corners[rng.permutation(len(BOARD.corners))]
        space = corners @ cv2.Rodrigues(rig.poses[number][:3])[0].T + rig.poses[number][3:]
        turned = space @ np.array(infos[0].r).reshape(3, 3).T
        at = np.rint((turned / turned[:, 2:]) @ np.array(infos[0].p).reshape(3, 4)[:, :3].T).astype(int)[:, :2]
        inside = (at >= 4).all(axis=1) & (at < [396, 296]).all(axis=1)
        depth = geometry.focal_baseline / found.disparity[at[inside, 1], at[inside, 0]]
        error = depth / turned[inside, 2] - 1
        assert np.isfinite(error).mean() > 0.4
        assert abs(np.nanmedian(error)) < 0.01
    again = run("stereo", left, right, "--out", out, *OPTIONS)
    assert isinstance(again.exception, BadInputError)
    assert "left.yaml, right.yaml, report.json, report.png already" in str(again.exception)


def test_swapped_folders_are_named(rig: Rig, tmp_path: Path) -> None:
    left, right = folders(tmp_path, rig)
    done = run("stereo", right, left, "--out", tmp_path / "out", *OPTIONS)
    assert isinstance(done.exception, BadInputError)
    assert "left and right are swapped; give the pictures the other way round" in str(done.exception)


def same(source: PairSource, rig: Rig, numbers: Sequence[int]) -> bool:
    found = list(source.pairs())
    return len(found) == len(numbers) and all(
        np.array_equal(frame.image, rig.pairs[number][i])
        for pair, number in zip(found, numbers, strict=True)
        for i, frame in enumerate(pair)
    )


def test_pairs_from_a_log_are_paired_by_their_stamps(rig: Rig, tmp_path: Path) -> None:
    """The right picture of the second pair comes 5 ms late: it is no pair."""
    writer = LogWriter(tmp_path / "rig.mcap", metadata={})
    for i, pair in enumerate(rig.pairs[:4]):
        for side, picture in zip(("left", "right"), pair, strict=True):
            stamp_ns = 1_000 * MS + i * 100 * MS + (5 * MS if (i, side) == (1, "right") else 0)
            image = Image(stamp_ns=stamp_ns, encoding="mono8", data=picture)
            writer.write(f"rig/{side}/image", image, stamp_ns)
    writer.close()
    log = str(tmp_path / "rig.mcap")
    assert same(PairSource(log), rig, (0, 2, 3))
    assert same(PairSource(log, max_gap_ms=6.0), rig, (0, 1, 2, 3))
    assert same(PairSource(log, every=2), rig, (0, 3))
    assert len(list(PictureSource(log, "rig/left/image").frames())) == 4
    with pytest.raises(UsageError, match="pictures on rig/left/image, rig/right/image; say which with --topic"):
        list(PictureSource(log).frames())
    with pytest.raises(BadInputError, match="no pictures on topic 'front'; there are some on rig/left/image"):
        list(PictureSource(log, "front").frames())


def test_both_eyes_in_one_picture(rig: Rig, tmp_path: Path) -> None:
    for i, pair in enumerate(rig.pairs[:2]):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.hstack(pair))
    assert same(PairSource(str(tmp_path), side_by_side=True), rig, (0, 1))
    assert isinstance(run("stereo", "a", "b", "--side-by-side").exception, UsageError)


def test_a_video_is_read_to_its_end(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "board.avi"
    fourcc: Any = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), fourcc, 20.0, (400, 300))
    for left, _ in rig.pairs[:6]:
        writer.write(cv2.cvtColor(left, cv2.COLOR_GRAY2BGR))
    writer.release()
    frames = list(PictureSource(str(path), every=2).frames())
    assert [frame.stamp_ns for frame in frames] == [0, 100 * MS, 200 * MS]
    assert np.abs(frames[1].image[..., 0].astype(int) - rig.pairs[2][0]).mean() < 6
    with pytest.raises(BadInputError, match="no such video"):
        list(PictureSource(str(tmp_path / "none.mp4")).frames())
    (tmp_path / "text.mp4").write_text("not a film")
    with pytest.raises(BadInputError, match="not a video file that FFmpeg can read"):
        list(PictureSource(str(tmp_path / "text.mp4")).frames())


def test_folders_that_do_not_match(rig: Rig, tmp_path: Path) -> None:
    left, right = folders(tmp_path, Rig(rig.pairs[:4], rig.poses))
    (right / "001.png").unlink()
    assert same(PairSource(str(left), str(right)), rig, (0, 2, 3))
    for path in right.iterdir():
        path.rename(right / f"r{path.name}")
    with pytest.raises(BadInputError, match=r"has 4 pictures and .* 3, and no names in common"):
        list(PairSource(str(left), str(right)).pairs())


class Slides(Driver[Pixels]):
    """A camera that shows two pictures, says nothing for a while, and ends."""

    kind = "camera"

    def __init__(self, pictures: Sequence[Pixels]) -> None:
        self.script: list[list[Pixels]] = [[pictures[0]], [], [pictures[1]]]
        self.calls: list[str] = []

    @classmethod
    def from_source(cls, source: str) -> Slides:
        raise BadInputError(source)

    @property
    def name(self) -> str:
        return "slides"

    def open(self) -> None:
        self.calls.append("open")

    def read(self, timeout_s: float) -> Sequence[Reading[Pixels]]:
        if not self.script:
            raise EndOfData
        return [Reading(picture) for picture in self.script.pop(0)]

    def close(self) -> None:
        self.calls.append("close")


def test_a_live_camera_is_opened_read_and_closed(rig: Rig) -> None:
    pictures = [left for left, _ in rig.pairs[:2]]
    camera = Slides(pictures)
    frames = list(driver_frames(camera))
    assert [frame.name for frame in frames] == ["slides picture 0", "slides picture 1"]
    assert all(np.array_equal(a.image, b) for a, b in zip(frames, pictures, strict=True))
    assert camera.calls == ["open", "close"]
    stopped = Slides(pictures)
    taken = driver_frames(stopped)
    next(taken)
    taken.close()  # type: ignore[attr-defined]  # whoever takes them has enough
    assert stopped.calls == ["open", "close"]
