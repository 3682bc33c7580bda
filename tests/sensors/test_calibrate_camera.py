"""``selfcue calibrate camera``: boards through known lenses give the lenses back; what cannot be used is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner

from selfcue.errors import BadInputError, UsageError
from selfcue.sensors.calibrate.board import Board, write_board
from selfcue.sensors.calibrate.collect import CollectConfig, Collector, Frame
from selfcue.sensors.calibrate.commands import app
from selfcue.sensors.calibrate.coverage import coverage
from selfcue.sensors.calibrate.finder import BoardFinder, BoardView
from selfcue.sensors.calibrate.models import judge_model
from selfcue.sensors.calibrate.solve import LensSolution, solve_lens
from selfcue.sensors.calibrate.verdict import BAD, GOOD, USABLE, Verdict, judge_lens
from selfcue.sensors.calibration import read_camera_info
from selfcue.sensors.lens import Lens
from tests.sensors.boards import BOARD, BoardCamera, Pixels, poses

cv2.setNumThreads(1)

LENSES = {
    "plumb_bob": Lens(480, 360, 390.3, 388.7, 242.4, 176.8, (-0.28, 0.09, 0.0007, -0.0004, -0.01)),
    "rational_polynomial": Lens(
        480, 360, 300.3, 301.7, 236.4, 181.8, (0.9, 0.25, 0.0005, -0.0003, 0.02, 1.2, 0.45, 0.06), "rational_polynomial"
    ),
    "equidistant": Lens(480, 360, 215.3, 214.7, 242.4, 176.8, (0.05, -0.01, 0.004, -0.001), "equidistant"),
}
OPTIONS = ("--squares", "8x6", "--square-mm", "40", "--marker-mm", "30")


@pytest.fixture(scope="module")
def shots() -> Callable[[str], list[Pixels]]:
    """Return 24 pictures of the board through a lens, by the lens's name."""
    made: dict[str, list[Pixels]] = {}

    def shoot(name: str) -> list[Pixels]:
        if name not in made:
            camera = BoardCamera(LENSES[name])
            made[name] = [camera.shoot(pose, seed=i) for i, pose in enumerate(poses(LENSES[name], 24))]
        return made[name]

    return shoot


def views_of(pictures: list[Pixels], finder: BoardFinder | None = None) -> list[BoardView]:
    finder = finder or BoardFinder(BOARD)
    found = [finder.find(picture, f"{i:02d}") for i, picture in enumerate(pictures)]
    return [view for view in found if view is not None]


def folder(path: Path, pictures: list[Pixels]) -> Path:
    path.mkdir(parents=True)
    for i, picture in enumerate(pictures):
        cv2.imwrite(str(path / f"{i:02d}.png"), picture)
    return path


def run(*words: str | Path) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False)


def covered_error_px(true: Lens, found: Lens, views: tuple[BoardView, ...]) -> npt.NDArray[np.float64]:
    """Return how far the two lenses see the corners' directions apart; a small turn of the camera is no error."""
    at = np.concatenate([view.pixels for view in views])
    rays = np.column_stack([true.rays(at), np.ones(len(at))])
    turn = np.zeros(3)
    for _ in range(3):
        apart, _, by_pose = found.project_with_slopes(rays, turn, np.zeros(3))
        turn -= np.linalg.lstsq(by_pose[:, :3], (apart - at).ravel(), rcond=None)[0]
    error: npt.NDArray[np.float64] = np.linalg.norm(found.project(rays, turn) - at, axis=1)
    return error


@pytest.mark.parametrize("name", list(LENSES))
def test_the_lens_is_found_again(shots: Callable[[str], list[Pixels]], name: str) -> None:
    """Within 0.3 px: the focal lengths and the centre, and where in the picture anything is seen."""
    true, finder = LENSES[name], BoardFinder(BOARD)
    solution = solve_lens(views_of(shots(name), finder), finder.points, name)
    assert np.abs(solution.lens.parameters[:4] - true.parameters[:4]).max() < 0.3
    assert covered_error_px(true, solution.lens, solution.views).max() < 0.3
    assert solution.rms_px < 0.15
    assert solution.held_out_rms_px < 1.3 * solution.rms_px + 0.05
    # What it says of its own uncertainty is about right: errors are a few deviations, and deviations are not vast.
    off = np.abs(solution.lens.parameters - true.parameters)[:4] / solution.std[:4]
    assert off.max() < 4.0
    assert solution.std[:4].max() < 0.5


def test_corners_are_found_to_a_tenth_of_a_pixel(shots: Callable[[str], list[Pixels]]) -> None:
    finder, lens = BoardFinder(BOARD), LENSES["plumb_bob"]
    for i, (picture, pose) in enumerate(zip(shots("plumb_bob"), poses(lens, 24), strict=True)):
        view = finder.find(picture, str(i))
        if view is not None:
            error = view.pixels - lens.project(finder.points[view.ids], pose[:3], pose[3:])
            assert np.median(np.linalg.norm(error, axis=1)) < 0.1


def test_a_view_that_does_not_fit_is_left_out(shots: Callable[[str], list[Pixels]]) -> None:
    """A bent board: the corners of one view are moved by up to 6 px, smoothly."""
    finder, views = BoardFinder(BOARD), views_of(shots("plumb_bob"))
    bent = views[5]
    along = finder.points[bent.ids][:, 0] / finder.points[:, 0].max()
    views[5] = BoardView("bent", 0, 480, 360, bent.ids, bent.pixels + 6 * along[:, None] ** 2, bent.square_px, 1.5)
    solution = solve_lens(views, finder.points, "plumb_bob")
    assert [view.name for view, _ in solution.rejected] == ["bent"]
    assert np.abs(solution.lens.parameters[:4] - LENSES["plumb_bob"].parameters[:4]).max() < 0.4


def test_wrong_corners_bend_nothing(shots: Callable[[str], list[Pixels]]) -> None:
    """One corner of every view is 8 px off, so that no view stands out: the corners themselves must count less."""
    finder, views = BoardFinder(BOARD), views_of(shots("plumb_bob"))
    clean = solve_lens(views, finder.points, "plumb_bob")
    rng = np.random.default_rng(2)
    spoilt = []
    for view in views:
        pixels, way = view.pixels.copy(), rng.uniform(0, 2 * np.pi)
        pixels[rng.integers(len(pixels))] += 8.0 * np.array([np.cos(way), np.sin(way)])
        spoilt.append(replace(view, pixels=pixels))
    found = solve_lens(spoilt, finder.points, "plumb_bob")
    assert len(found.views) == len(views)
    assert np.abs(found.lens.parameters[:4] - clean.lens.parameters[:4]).max() < 0.25


def judged(solution: LensSolution) -> Verdict:
    return Verdict(judge_lens(solution, coverage(solution.views)))


def test_verdicts(shots: Callable[[str], list[Pixels]]) -> None:
    finder, views = BoardFinder(BOARD), views_of(shots("plumb_bob"))
    whole = judged(solve_lens(views, finder.points, "plumb_bob"))
    assert whole.level == GOOD, whole.mends()
    assert whole.mends() == []
    few = judged(solve_lens(views[:7], finder.points, "plumb_bob"))
    assert few.level in (USABLE, BAD)
    assert any(line.startswith(("USABLE: views is 7", "BAD: views is 7")) for line in few.mends())
    rng = np.random.default_rng(0)
    shaken = [
        BoardView(v.name, 0, 480, 360, v.ids, v.pixels + rng.normal(0, 1.5, v.pixels.shape), v.square_px, 1.5)
        for v in views
    ]
    noisy = judged(solve_lens(shaken, finder.points, "plumb_bob"))
    assert noisy.level == BAD
    assert noisy.mends()[0].startswith("BAD: reprojection error [px] is")
    left = [view for view in views if view.pixels[:, 0].mean() < 200]
    one_side = judged(solve_lens(left, finder.points, "plumb_bob"))
    assert any("bring the board to the right too" in line for line in one_side.mends())


def test_blurred_pictures_and_pictures_like_others_are_not_taken() -> None:
    camera = BoardCamera(LENSES["plumb_bob"])
    first, second = list(poses(LENSES["plumb_bob"], 2, seed=4))
    collector = Collector(BoardFinder(BOARD))
    for name, picture in (
        ("sharp", camera.shoot(first)),
        ("again", camera.shoot(first, seed=1)),
        ("blurred", camera.shoot(second, blur_px=1.5)),
        ("other", camera.shoot(second, blur_px=0.5)),
        ("wall", np.full((360, 480), 128, np.uint8)),
    ):
        collector.add(Frame(name, 0, picture))
    assert [view.name for view in collector.views] == ["sharp", "other"]
    assert dict(collector.counts) == {"pictures": 5, "like another": 1, "blurred": 1, "no board": 1}


def test_of_many_views_the_most_different_are_used(shots: Callable[[str], list[Pixels]]) -> None:
    collector = Collector(BoardFinder(BOARD), CollectConfig(max_views=8, min_change=0.0))
    for i, picture in enumerate(shots("plumb_bob")):
        collector.add(Frame(f"{i:02d}", 0, picture))
    chosen = collector.views
    assert len(chosen) == 8
    everything = views_of(shots("plumb_bob"))
    assert coverage(chosen).share > coverage(everything[:8]).share
    assert [view.name for view in chosen] == sorted(view.name for view in chosen)


def test_from_pictures_to_files(shots: Callable[[str], list[Pixels]], tmp_path: Path) -> None:
    pictures = folder(tmp_path / "pictures", shots("plumb_bob"))
    out = tmp_path / "out"
    words = ("camera", pictures, "--out", out, "--name", "front", *OPTIONS)
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["verdict"]["level"] == GOOD
    assert report["pictures"]["pictures"] == 24
    assert sorted(path.name for path in out.iterdir()) == ["front.yaml", "report.json", "report.png"]
    assert json.loads((out / "report.json").read_text()) == report
    info = read_camera_info(out / "front.yaml")
    assert (info.width, info.height, info.frame_id) == (480, 360, "front")
    assert info.k[0] == pytest.approx(390.3, abs=0.3)
    assert info.p[0] > 0
    picture: Any = cv2.imread(str(out / "report.png"))
    assert picture.std() > 10

    again = run(*words)
    assert isinstance(again.exception, BadInputError)
    assert "holds front.yaml, report.json, report.png already" in str(again.exception)
    assert run(*words, "--force").exit_code == 0


def test_a_bad_calibration_is_not_written(shots: Callable[[str], list[Pixels]], tmp_path: Path) -> None:
    """Four views: the verdict is BAD, the exit code 1, and there is no file that somebody could load."""
    pictures = folder(tmp_path / "pictures", shots("plumb_bob")[:4])
    done = run("camera", pictures, "--out", tmp_path / "out", *OPTIONS)
    assert done.return_value == 1
    assert done.output.startswith("BAD")
    assert "take more views" in done.output
    assert not (tmp_path / "out" / "camera.yaml").exists()
    assert run("camera", pictures, "--out", tmp_path / "b", *OPTIONS, "--accept-bad").return_value == 1
    assert read_camera_info(tmp_path / "b" / "camera.yaml").width == 480


def refusal(pictures: list[Pixels], tmp_path: Path, *options: str) -> str:
    done = run("camera", folder(tmp_path / "pictures", pictures), "--out", tmp_path / "out", *(options or OPTIONS))
    assert isinstance(done.exception, BadInputError), done.output
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())
    assert "\n" not in str(done.exception)
    return str(done.exception)


def test_pictures_without_a_board(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320)).astype(np.uint8)
    said = refusal([noise, noise], tmp_path)
    assert "no sharp view of a board of 8 x 6 squares 40 mm" in said
    assert "2 pictures: 2 no board" in said


def test_a_board_of_another_dictionary(shots: Callable[[str], list[Pixels]], tmp_path: Path) -> None:
    said = refusal(shots("plumb_bob")[:2], tmp_path, *OPTIONS, "--dictionary", "4X4_50")
    assert "it shows markers of 5X5_50, not of 4X4_50" in said


def test_a_board_of_other_squares(shots: Callable[[str], list[Pixels]], tmp_path: Path) -> None:
    said = refusal(shots("plumb_bob")[:3], tmp_path, "--squares", "11x8", "--square-mm", "40", "--marker-mm", "30")
    assert "markers of 5X5_100 are seen, but not this board; check squares across and down" in said


def test_a_board_of_the_older_pattern(tmp_path: Path) -> None:
    old = Board(8, 6, 0.04, 0.03, legacy=True)
    camera = BoardCamera(LENSES["plumb_bob"], old)
    pictures = [camera.shoot(pose) for pose in poses(LENSES["plumb_bob"], 2)]
    assert "the pattern of OpenCV before 4.6; add --legacy" in refusal(pictures, tmp_path)
    assert BoardFinder(old).find(pictures[0]) is not None


def test_mirrored_pictures(shots: Callable[[str], list[Pixels]], tmp_path: Path) -> None:
    mirrored = [np.ascontiguousarray(picture[:, ::-1]) for picture in shots("plumb_bob")[:2]]
    assert "the picture is mirrored; switch mirroring off" in refusal(mirrored, tmp_path)


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "an empty folder; give one with pictures (.png, .jpg" in refusal([], tmp_path)


def test_one_view(shots: Callable[[str], list[Pixels]], tmp_path: Path) -> None:
    assert "1 usable view of the board, 4 are the least" in refusal(shots("plumb_bob")[:1], tmp_path)


def test_pictures_of_two_sizes(shots: Callable[[str], list[Pixels]], tmp_path: Path) -> None:
    pictures = [*shots("plumb_bob")[:3], shots("plumb_bob")[3][:300]]
    assert "03.png: 480 x 300 px, the pictures before it 480 x 360 px" in refusal(pictures, tmp_path)


def test_views_that_are_all_alike_do_not_determine_a_lens() -> None:
    """The board square to the camera, at one distance: nothing tells focal length from distance."""
    lens, finder = LENSES["plumb_bob"], BoardFinder(BOARD)
    camera = BoardCamera(lens)
    flat = [np.array([0, 0, 0, x, y, 0.45]) for x in (-0.3, -0.15, 0.0) for y in (-0.2, -0.1)]
    views = views_of([camera.shoot(pose, seed=i) for i, pose in enumerate(flat)], finder)
    verdict = judged(solve_lens(views, finder.points, "plumb_bob"))
    assert verdict.level == BAD
    assert any(line.startswith("BAD: tilt of a quarter of the views [deg]") for line in verdict.mends())
    assert any(line.startswith("BAD: focal length uncertain by [%]") for line in verdict.mends())


def nonsense(kind: str, i: int) -> BoardView:
    """A view that no board gives, of one ``kind`` of nonsense."""
    rng, points = np.random.default_rng(i), BOARD.corners[:, :2]
    pixels = {
        "noise": rng.uniform(0, 480, points.shape),
        "one point": np.tile(rng.uniform(0, 480, 2), (len(points), 1)),
        "one row": 1000 * points * [1.0, 0.0] + 50.0,
        "always square": rng.uniform(500, 1500) * points + rng.uniform(0, 100, 2),
        "mirrored": points * [-1000.0, 1000.0] + [400.0, 50.0] + rng.normal(0, 0.1, points.shape),
        "from afar": points @ rng.normal(0, 1000, (2, 2)) + 200,
    }[kind]
    return BoardView(str(i), 0, 480, 360, np.arange(len(points)), pixels, 30.0, 1.5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("model", list(LENSES))
@pytest.mark.parametrize("kind", ["noise", "one point", "one row", "always square", "mirrored", "from afar"])
def test_nonsense_is_refused_or_bad(kind: str, model: str) -> None:
    views = [nonsense(kind, i) for i in range(6)]
    try:
        solution = solve_lens(views, BOARD.corners, model)
    except BadInputError as error:
        level = str(error)
    else:
        level = judged(solution).level
    assert level == BAD or "do not determine a lens" in level


def test_a_model_that_does_not_fit_the_lens_is_not_good(shots: Callable[[str], list[Pixels]]) -> None:
    finder, views = BoardFinder(BOARD), views_of(shots("equidistant"))
    wrong = solve_lens(views, finder.points, "plumb_bob")
    assert wrong.rejected  # what it cannot fit
    assert judge_model(wrong, finder.points).level == BAD
    assert "use --model equidistant: " in judge_model(wrong, finder.points).mend
    right = solve_lens(views, finder.points, "equidistant")
    assert judge_model(right, finder.points).level == GOOD
    simple = solve_lens(views_of(shots("plumb_bob")), finder.points, "plumb_bob")
    assert judge_model(simple, finder.points).level == GOOD


def test_sheets_to_print_have_their_true_size(tmp_path: Path) -> None:
    board = Board(10, 7, 0.025, 0.018)
    assert write_board(board, tmp_path / "board.png") == pytest.approx((270.0, 195.0), abs=0.1)
    sheet: Any = cv2.imread(str(tmp_path / "board.png"), cv2.IMREAD_GRAYSCALE)
    content = (tmp_path / "board.png").read_bytes()
    at = content.index(b"pHYs") + 4
    per_m = int.from_bytes(content[at : at + 4], "big")
    assert sheet.shape[1] / per_m == pytest.approx(0.270, abs=2e-4)
    small = cv2.resize(sheet, None, fx=0.15, fy=0.15, interpolation=cv2.INTER_AREA)
    view = BoardFinder(board).find(small)
    assert view is not None
    assert len(view.ids) == 9 * 6
    assert view.square_px / 0.15 / per_m == pytest.approx(0.025, rel=2e-3)

    write_board(board, tmp_path / "board.pdf")
    page = (tmp_path / "board.pdf").read_bytes()
    box = [float(x) for x in page[page.index(b"[0 0 ") + 5 :].split(b"]")[0].split()]
    assert box == pytest.approx([270 / 25.4 * 72, 195 / 25.4 * 72], abs=0.3)
    table = int(page.rsplit(b"startxref\n", 1)[1].split()[0])
    assert page[table:].startswith(b"xref\n0 6\n")
    for number, line in enumerate(page[table:].splitlines()[3:8], 1):
        assert page[int(line.split()[0]) :].startswith(b"%d 0 obj" % number)
    with pytest.raises(BadInputError, match="exists already"):
        write_board(board, tmp_path / "board.pdf")
    with pytest.raises(BadInputError, match=r"are written as \.png or \.pdf"):
        write_board(board, tmp_path / "board.svg")


@pytest.mark.parametrize(
    ("board", "says"),
    [
        ({"squares_x": 2}, "2 x 7 squares is too small"),
        ({"marker_m": 0.03}, "squares of 25 mm and markers of 30 mm cannot"),
        ({"dictionary": "9X9_9"}, "no marker dictionary '9X9_9'"),
        ({"squares_x": 20, "squares_y": 20}, "needs 200 markers, dictionary 5X5_100 has 100"),
    ],
)
def test_boards_that_cannot_be(board: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Board(**board)
    assert isinstance(run("board", "--out", "x.pdf", "--squares", "9").exception, UsageError)
