"""The player under calls: wherever a log is sought in, time goes on, jumps are told, and the log's content is right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.calls import Nothing
from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Image, Imu, JournalEvent, Message
from selfcue.node import Link, Node
from selfcue.player import PlayerState, Rate, Seek, Step
from selfcue.record.log_source import McapSource
from selfcue.record.writer import LogWriter
from selfcue.sensors import player_node
from selfcue.sensors.player_node import PlayerNode, PlayerParams
from selfcue.sensors.synchroniser import SyncConfig, Synchroniser
from selfcue.testing import LoopSystem
from selfcue.timeline import imu_timeline

MS, S = 1_000_000, 1_000_000_000
START_NS = 100 * S


def imu(i: int) -> Imu:
    return Imu(
        stamp_ns=START_NS + i * 100 * MS, seq=i, angular_velocity=(float(i), 0.0, 0.0), linear_acceleration=(0.0,) * 3
    )


def info(i: int, width: int) -> CameraInfo:
    k = (100.0, 0.0, 4.0, 0.0, 100.0, 4.0, 0.0, 0.0, 1.0)
    return CameraInfo(stamp_ns=START_NS + i * 100 * MS, seq=i, width=width, height=8, k=k, p=(*k, 0.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of inertial data at 10 Hz; the calibration changes in the middle."""
    path = tmp_path_factory.mktemp("log") / "a.mcap"
    writer = LogWriter(path)
    for i in range(101):
        if i in (0, 50):
            writer.write("info", info(i, 10 + i), START_NS + i * 100 * MS)
        writer.write("imu", imu(i), START_NS + i * 100 * MS)
    writer.close()
    return path


class Player:
    """A player in a loop, its calls by name, and what came in each tick."""

    def __init__(self, folder: Path, log: Path, **settings: Any) -> None:
        self.loop = LoopSystem(folder)
        self.node = PlayerNode("player", PlayerParams(str(log), **settings))
        self.loop.add(self.node)
        self.ticks: list[int] = []

    def ask(self, name: str, request: Any = None) -> PlayerState:
        found: PlayerState = self.loop.cell.services[f"player/{name}"].handler(request or Nothing())
        return found

    def tick(self) -> list[Message]:
        """Play one tick; return what it published besides its journal."""
        now_ns = self.node.next_tick_ns()
        assert now_ns is not None
        before = {topic: len(self.loop.published(topic)) for topic in ("clock/jump", "imu", "info")}
        self.loop.tick(now_ns)
        self.ticks.append(now_ns)
        return [one for topic, number in before.items() for one in self.loop.published(topic)[number:]]


@pytest.fixture(autouse=True)
def only_mcap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player_node, "open_log", McapSource)


def omega(messages: list[Message]) -> list[float]:
    return [one.angular_velocity[0] for one in messages if isinstance(one, Imu)]


def test_seeking_back_tells_a_jump_first_and_time_goes_on(tmp_path: Path, log: Path) -> None:
    player = Player(tmp_path, log)
    for _ in range(31):
        player.tick()
    state = player.ask("seek", Seek(to_s=1.0))
    assert (state.position_s, state.length_s) == (1.0, 10.0)
    (jump,) = player.tick()
    assert isinstance(jump, JournalEvent)
    assert jump.detail == {"from_s": 3.0, "to_s": 1.0, "reason": "seek"}
    assert omega(player.tick()) == [10.0]
    assert omega(player.tick()) == [11.0]
    last = player.loop.published("imu")[-2:]
    assert [one.stamp_ns for one in last] == player.ticks[-2:]
    assert last[1].stamp_ns - last[0].stamp_ns == 100 * MS
    assert player.ticks[-2] - player.ticks[-4] <= 5 * MS
    assert player.ticks == sorted(set(player.ticks))


def test_seeking_ahead_keeps_the_stamps_of_the_log(tmp_path: Path, log: Path) -> None:
    player = Player(tmp_path, log)
    player.tick()
    player.ask("seek", Seek(by_s=4.0))
    assert player.tick()[0].kind == "time_jump"  # type: ignore[attr-defined]
    assert omega(player.tick()) == [40.0]
    assert player.loop.published("imu")[-1].stamp_ns == START_NS + 4 * S


def test_what_held_where_a_seek_goes_is_said_again(tmp_path: Path, log: Path) -> None:
    player = Player(tmp_path, log)
    for _ in range(60):
        player.tick()
    assert [one.width for one in player.loop.published("info")] == [10, 60]
    player.ask("seek", Seek(to_s=2.0))
    player.tick()
    player.tick()
    assert [one.width for one in player.loop.published("info")] == [10, 60, 10]


def test_two_seeks_are_one_jump_and_one_before_the_first_moment_is_none(tmp_path: Path, log: Path) -> None:
    player = Player(tmp_path, log)
    player.ask("seek", Seek(to_s=3.0))
    assert omega(player.tick()) == [30.0]
    player.ask("seek", Seek(to_s=8.0))
    player.ask("seek", Seek(to_s=0.5))
    (jump,) = player.tick()
    assert jump.detail == {"from_s": 3.0, "to_s": 0.5, "reason": "seek"}  # type: ignore[attr-defined]
    assert omega(player.tick()) == [5.0]


def test_after_the_end_there_is_still_a_way_back(tmp_path: Path, log: Path) -> None:
    player = Player(tmp_path, log, start_s=9.8)
    for _ in range(5):
        player.tick()
    player.ask("seek", Seek(to_s=9.0))
    player.tick()
    rest = []
    while player.node.next_tick_ns() is not None:
        rest += omega(player.tick())
    assert rest == [float(i) for i in range(90, 101)]


@given(moves=st.lists(st.tuples(st.integers(1, 15), st.floats(0.0, 10.0)), min_size=1, max_size=8), loops=st.booleans())
def test_any_seeks_give_what_the_log_holds_in_a_time_that_never_goes_back(
    tmp_path_factory: pytest.TempPathFactory, log: Path, moves: list[tuple[int, float]], loops: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(player_node, "open_log", McapSource)
        player = Player(tmp_path_factory.mktemp("p"), log, loop=loops)
        expected = 0
        for ticks, to_s in moves:
            for _ in range(ticks):
                if player.node.next_tick_ns() is None:
                    break
                for one in omega(player.tick()):
                    assert one == expected % 101
                    expected = int(one) + 1
            player.ask("seek", Seek(to_s=to_s))
            expected = -(-round(to_s * 1e9) // (100 * MS))
    assert all(later > earlier for earlier, later in zip(player.ticks, player.ticks[1:], strict=False))
    stamps = [one.stamp_ns for one in player.loop.published("imu")]
    assert stamps == sorted(set(stamps))


def test_a_player_that_was_sought_in_resumes_where_it_was(tmp_path: Path, log: Path) -> None:
    for cut in (0, 1, 2):  # before the jump is told, before the first moment, behind it
        player = Player(tmp_path, log)
        for _ in range(20):
            player.tick()
        player.ask("seek", Seek(to_s=0.3))
        for _ in range(cut):
            player.tick()
        player.node.next_tick_ns()
        snapshot = player.loop.snapshot()
        again = Player(tmp_path, log)
        again.loop.resume(snapshot)
        for _ in range(4):
            assert [repr(one) for one in player.tick()] == [repr(one) for one in again.tick()]
        assert player.ticks[-4:] == again.ticks


def test_pausing_stepping_and_rates_are_told(tmp_path: Path, log: Path) -> None:
    player = Player(tmp_path, log)
    assert player.ask("pause").paused
    assert player.node.pacer.wait_s(0) == float("inf")
    assert player.ask("step", Step(3)).paused
    assert player.node.pacer.wait_s(0) == 0.0
    assert not player.ask("resume").paused
    assert player.ask("rate", Rate(2.5)).rate == 2.5
    assert player.node.pacer.rate == 2.5
    player.loop.activate()
    assert [event.detail["paused"] for event in player.loop.published("journal")] == [True, True, False, False]
    assert Player(tmp_path, log, paused=True).node.pacer.paused


def test_a_step_over_a_jump_still_plays_a_moment(tmp_path: Path, log: Path) -> None:
    player = Player(tmp_path, log)
    player.tick()
    player.ask("pause")
    player.ask("seek", Seek(to_s=7.0))
    player.ask("step", Step(1))
    pacer = player.node.pacer
    played: list[float] = []
    for _ in range(5):
        now_ns = player.node.next_tick_ns()
        assert now_ns is not None
        if pacer.wait_s(now_ns) > 0:
            break
        pacer.passed(now_ns)
        played += omega(player.tick())
    assert played == [70.0]


@pytest.mark.parametrize(
    ("name", "request_", "says"),
    [
        ("seek", Seek(to_s=10.5), "seek to 10.5 s: the log goes from 0 to 10.00 s"),
        ("seek", Seek(to_s=-1.0), "seek to -1 s"),
        ("seek", Seek(to_s=float("nan")), "seek to nan s"),
        ("step", Step(0), "step 0: give 1 to"),
        ("rate", Rate(-1.0), "rate -1: give 0"),
        ("rate", Rate(float("nan")), "rate nan"),
    ],
)
def test_what_cannot_be_asked(tmp_path: Path, log: Path, name: str, request_: Any, says: str) -> None:
    player = Player(tmp_path, log)
    player.tick()
    with pytest.raises(BadInputError, match=says):
        player.ask(name, request_)
    assert omega(player.tick()) == [1.0]


# -- who hears of it --------------------------------------------------------------------------------------------------


class Listener(Node):
    """Notes jumps and inertial data in the order in which they come."""

    def __init__(self) -> None:
        super().__init__("listener", None)
        self.heard: list[Any] = []

    def configure(self, link: Link) -> None:
        link.subscribe("imu", Imu, lambda one: self.heard.append(one.angular_velocity[0]))

    def jumped(self, jump: JournalEvent) -> None:
        self.heard.append(jump.detail["reason"])


def test_a_node_hears_of_a_jump_between_what_was_and_what_comes(tmp_path: Path, log: Path) -> None:
    player, listener = Player(tmp_path, log, loop=True, start_s=9.9), Listener()
    player.loop.add(listener)
    for _ in range(8):
        player.tick()
    assert listener.heard == [99.0, 100.0, "loop", 99.0, 100.0, "loop", 99.0]


def test_buffers_forget_what_lies_before_a_jump() -> None:
    pictures: Synchroniser[Image] = Synchroniser(SyncConfig(inputs=("left", "right")))
    import numpy as np

    def picture(stamp_ns: int) -> Image:
        return Image(stamp_ns=stamp_ns, encoding="mono8", data=np.zeros((2, 2), np.uint8))

    assert pictures.add("left", picture(5 * MS)) == []
    pictures.begin_anew()
    found: list[Mapping[str, Image]] = pictures.add("right", picture(6 * MS))
    assert found == []
    assert pictures.counts["dropped/left"] == 1
    assert pictures.counts["jumps"] == 1
    line = imu_timeline()
    for i in range(3):
        line.add(imu(i).stamp_ns, imu(i))
    line.forget()
    assert (len(line), line.jumps) == (0, 1)
    with pytest.raises(BadInputError, match="nothing is known yet"):
        line.at(imu(1).stamp_ns)
