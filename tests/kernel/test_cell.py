"""Cells: order of delivery, wrong types, and thinking that nobody waits for."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfcue.errors import BadInputError, UsageError
from selfcue.messages import Imu, JournalEvent
from selfcue.node import Link, Node
from selfcue.testing import LoopSystem


class Talker(Node):
    """Publishes in ``step``; tries it while it thinks where asked to."""

    thinks_aloud = False

    def configure(self, link: Link) -> None:
        self.out = link.advertise("said", JournalEvent)
        self.thought: list[int] = []

    def step(self, now_ns: int) -> None:
        self.out.publish(JournalEvent(stamp_ns=now_ns, kind="said", detail={"thoughts": len(self.thought)}))

    def think(self, now_ns: int) -> None:
        self.thought.append(now_ns)
        if self.thinks_aloud:
            self.step(now_ns)


class Listener(Node):
    """Keeps what it hears."""

    def configure(self, link: Link) -> None:
        self.heard: list[tuple[str, int]] = []
        link.subscribe("said", JournalEvent, lambda event: self.heard.append((event.source, event.stamp_ns)))


def test_messages_come_one_tick_later_sorted_by_publisher(tmp_path: Path) -> None:
    loop, listener = LoopSystem(tmp_path), Listener("listener", None)
    for node in (Talker("b", None), listener, Talker("a", None)):
        loop.add(node)
    loop.tick(1)
    assert listener.heard == []
    loop.tick(2)
    assert listener.heard == [("a", 1), ("b", 1)]


def test_thinking_comes_after_the_step_and_is_told_in_the_next(tmp_path: Path) -> None:
    loop, talker = LoopSystem(tmp_path), Talker("a", None)
    loop.add(talker)
    loop.tick(1)
    loop.tick(2)
    assert talker.thought == [1, 2]
    assert [event.detail["thoughts"] for event in loop.published("said")] == [0, 1]


def test_nothing_is_published_while_a_node_thinks(tmp_path: Path) -> None:
    loop, talker = LoopSystem(tmp_path), Talker("a", None)
    talker.thinks_aloud = True
    loop.add(talker)
    with pytest.raises(UsageError, match="a: node 'a' publishes on 'said' while it thinks; say it in the next step"):
        loop.tick(1)


def test_a_message_of_the_wrong_type_names_both_sides(tmp_path: Path) -> None:
    loop = LoopSystem(tmp_path)
    loop.add(Listener("ears", None))
    loop.feed("said", Imu(stamp_ns=1, source="imu", angular_velocity=(0, 0, 0), linear_acceleration=(0, 0, 9.81)))
    with pytest.raises(BadInputError, match="'ears' wants JournalEvent, 'imu' sends Imu"):
        loop.tick(1)


def test_two_nodes_of_one_name_are_refused(tmp_path: Path) -> None:
    loop = LoopSystem(tmp_path)
    loop.add(Talker("a", None))
    with pytest.raises(UsageError, match="two nodes are named 'a'"):
        loop.add(Talker("a", None))
