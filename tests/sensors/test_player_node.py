"""The player: a log as clock and source, cut anywhere, from anywhere, again and again."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selfcue.errors import BadInputError
from selfcue.messages import Estimate, Message
from selfcue.sensors import player_node
from selfcue.sensors.kitti.reader import KittiReader
from selfcue.sensors.player_node import DRAIN_TICKS, PlayerNode, PlayerParams
from selfcue.sensors.stereo.node import StereoNode, StereoParams
from selfcue.testing import LoopSystem

MS = 1_000_000
IMAGES = ("stereo/left/image", "stereo/right/image")
INFOS = ("stereo/left/camera_info", "stereo/right/camera_info")


@pytest.fixture
def drive(kitti: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Frames 0, 1, 2, 5 with stamps 100.000 s + 0.1 s a number, right images 3 ms later; depth for frame 1."""
    monkeypatch.setattr(player_node, "open_log", KittiReader)
    folder: Path = kitti.slim()
    return folder


def played(tmp_path: Path, drive: Path, **settings: Any) -> tuple[LoopSystem, list[int]]:
    """Play to the end; return the system and the times of its ticks."""
    loop = LoopSystem(tmp_path)
    player = PlayerNode("player", PlayerParams(str(drive), **settings))
    loop.add(player)
    loop.activate()
    ticks: list[int] = []
    while (now_ns := player.next_tick_ns()) is not None:
        ticks.append(now_ns)
        loop.tick(now_ns)
        assert len(ticks) < 100
    return loop, ticks


def stamps(loop: LoopSystem, topic: str) -> list[int]:
    return [message.stamp_ns // MS for message in loop.published(topic)]


def test_one_tick_a_frame_at_the_later_stamp_then_drain(tmp_path: Path, drive: Path) -> None:
    loop, ticks = played(tmp_path, drive)
    assert [tick // MS for tick in ticks[:4]] == [100_003, 100_103, 100_203, 100_503]
    assert len(ticks) == 4 + DRAIN_TICKS
    assert all(later > earlier for earlier, later in itertools.pairwise(ticks))
    assert stamps(loop, IMAGES[0]) == [100_000, 100_100, 100_200, 100_500]
    assert stamps(loop, IMAGES[1]) == [100_003, 100_103, 100_203, 100_503]
    assert stamps(loop, "lidar/depth") == [100_100]
    assert [len(loop.published(topic)) for topic in INFOS] == [1, 1]


def test_asking_twice_for_the_next_tick_changes_nothing(tmp_path: Path, drive: Path) -> None:
    loop = LoopSystem(tmp_path)
    player = PlayerNode("player", PlayerParams(str(drive)))
    loop.add(player)
    assert player.next_tick_ns() == player.next_tick_ns() == 100_003 * MS
    loop.tick(100_003 * MS)
    assert player.next_tick_ns() == 100_103 * MS


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"frame_from": 1, "frame_to": 3}, [100_100, 100_200]),
        ({"frame_from": 2}, [100_200, 100_500]),
        ({"frame_to": 99}, [100_000, 100_100, 100_200, 100_500]),
        ({"start_s": 0.15}, [100_200, 100_500]),
        ({"start_s": 0.1, "duration_s": 0.15}, [100_100, 100_200]),
        ({"stop_after_frames": 3}, [100_000, 100_100, 100_200]),
        ({"frame_from": 1, "stop_after_frames": 1}, [100_100]),
    ],
)
def test_a_part_of_the_log(tmp_path: Path, drive: Path, settings: dict[str, Any], expected: list[int]) -> None:
    loop, _ = played(tmp_path, drive, **settings)
    assert stamps(loop, IMAGES[0]) == expected
    assert len(loop.published(INFOS[0])) == 1


def test_some_topics_only(tmp_path: Path, drive: Path) -> None:
    loop, ticks = played(tmp_path, drive, topics=("lidar/depth", IMAGES[0]))
    assert loop.topics() == {"lidar/depth", IMAGES[0]}  # and nothing said of jumps
    assert len(ticks) == 4 + DRAIN_TICKS


def test_looping_goes_on_in_time_and_does_not_repeat_the_calibration(tmp_path: Path, drive: Path) -> None:
    loop, ticks = played(tmp_path, drive, loop=True, stop_after_frames=10)
    assert len(ticks) == 10 + 2 + DRAIN_TICKS  # two loops were announced
    assert all(later > earlier for earlier, later in itertools.pairwise(ticks))
    lefts = stamps(loop, IMAGES[0])
    assert lefts[4] - lefts[3] == 500 // 3  # one mean step of the log
    assert [stamp - lefts[4] for stamp in lefts[4:8]] == [0, 100, 200, 500]
    assert len(loop.published(INFOS[0])) == 1
    assert [(event.detail["reason"], event.detail["to_s"]) for event in loop.published("clock/jump")] == [
        ("loop", 0.0)
    ] * 2


@pytest.mark.parametrize("cut", [0, 1, 3, 4, 5, 6])
@pytest.mark.parametrize("settings", [{}, {"loop": True, "stop_after_frames": 7}, {"frame_from": 1}])
def test_resumed_at_any_tick_it_plays_the_same(tmp_path: Path, drive: Path, settings: dict[str, Any], cut: int) -> None:
    """The host asks for the tick's time, takes the snapshot, and a resumed host plays that very tick first."""
    loop, ticks = played(tmp_path, drive, **settings)
    if cut >= len(ticks):
        pytest.skip("shorter than the cut")
    first, player = LoopSystem(tmp_path), PlayerNode("player", PlayerParams(str(drive), **settings))
    first.add(player)
    first.activate()
    for _ in range(cut):
        first.tick(player.next_tick_ns())  # type: ignore[arg-type]
    player.next_tick_ns()
    snapshot = first.snapshot()

    again, resumed = LoopSystem(tmp_path), PlayerNode("player", PlayerParams(str(drive), **settings))
    again.add(resumed)
    again.resume(snapshot)
    again.tick(ticks[cut])
    later = [ticks[cut]]
    while (now_ns := resumed.next_tick_ns()) is not None:
        later.append(now_ns)
        again.tick(now_ns)
    assert later == ticks[cut:]
    for topic in (*IMAGES, *INFOS):
        whole: list[Message] = loop.published(topic)
        assert [(m.seq, m.stamp_ns) for m in first.published(topic) + again.published(topic)] == [
            (m.seq, m.stamp_ns) for m in whole
        ]


def test_a_damaged_frame_stops_the_play_at_its_tick(tmp_path: Path, drive: Path) -> None:
    (drive / "right" / "000002.png").write_bytes(b"no picture")
    loop = LoopSystem(tmp_path)
    player = PlayerNode("player", PlayerParams(str(drive)))
    loop.add(player)
    for _ in range(2):
        loop.tick(player.next_tick_ns())  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match=r"right/000002\.png: the image is damaged"):
        player.next_tick_ns()
    assert len(loop.published(IMAGES[0])) == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"topics": ("stereo/top/image",)}, "has no topic 'stereo/top/image'; it has lidar/depth, stereo/left"),
        ({"frame_from": 4}, "frame_from is 4, the log has 4 frames"),
        ({"start_s": 3.0}, "start_s is 3, the log is 0.50 s long"),
    ],
)
def test_settings_that_do_not_fit_the_log(tmp_path: Path, drive: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        LoopSystem(tmp_path).add(PlayerNode("player", PlayerParams(str(drive), **settings)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start_s": -1.0}, "start_s is -1"),
        ({"frame_from": 3, "frame_to": 3}, "frame_to is 3; it must be larger than frame_from"),
        ({"frame_from": 3, "start_s": 1.0}, "not both"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PlayerParams("log", **settings)


def test_a_recorded_drive_through_the_stereo_node(tmp_path: Path, data: Callable[[str], Path]) -> None:
    """All pairs of a triggered rig come through; frames 18 to 29 hold a gap and stamps 6 ms apart."""
    loop = LoopSystem(tmp_path)
    folder = data("kitti_raw_stereo_lidar")
    loop.add(PlayerNode("player", PlayerParams(str(folder), frame_from=18, frame_to=30)))
    loop.add(StereoNode("stereo", StereoParams(pairing="trigger")))
    assert loop.run(max_ticks=100) == 12 + DRAIN_TICKS
    estimates = [message for message in loop.published("depth/trusted") if isinstance(message, Estimate)]
    assert [e.stamp_ns for e in estimates] == [m.stamp_ns for m in loop.published(IMAGES[0])]
    assert all(e.value.shape == (187, 621) and e.valid.mean() > 0.6 for e in estimates)
    trusts = loop.published("trust/stereo")
    assert {trust.level for trust in trusts} == {"ok"}
