"""Quality of service: what a launch file may say, what two wishes come to, what a node gets in lock-step and live."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.cell import Cell
from selfcue.clock import WallClock
from selfcue.errors import BadInputError, UsageError
from selfcue.messages import Imu, JournalEvent
from selfcue.node import Link, Node
from selfcue.qos import Qos, of_node, parse, stronger

QOS = st.one_of(
    st.just(Qos.latest()),
    st.just(Qos.every()),
    st.integers(1, 99).map(Qos.keep),
    st.builds(Qos.reliable, st.integers(1, 99), deadline_s=st.sampled_from([0.1, 1.0, 9.5])),
)


@given(QOS)
def test_what_is_printed_is_read_back(qos: Qos) -> None:
    assert parse(str(qos)) == qos


@given(QOS, QOS, QOS)
def test_the_stronger_of_wishes_depends_on_no_order_and_serves_both(one: Qos, two: Qos, three: Qos) -> None:
    assert stronger(one, two) == stronger(two, one)
    assert stronger(stronger(one, two), three).kind == stronger(one, stronger(two, three)).kind
    both = stronger(one, two)
    assert both.holds >= max(one.holds, two.holds)
    assert not (one.copy and two.views().copy)
    assert stronger(one.views(), two.views()).copy is False
    assert stronger(one, two.views()).copy is True


@pytest.mark.parametrize(
    "text", ["", "newest", "keep", "keep(0)", "keep(1,2)", "latest(3)", "reliable(5, 99 s)", "keep(-1)"]
)
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(BadInputError, match=r"write latest, keep\(5\)|give (a depth|one)"):
        parse(text)


def test_what_a_node_asks_for_holds_live_and_nothing_is_lost_in_lock_step() -> None:
    assert of_node(1, None, lockstep=False) == Qos.latest()
    assert of_node(4, None, lockstep=False) == Qos.keep(4)
    assert of_node(0, Qos.reliable(), lockstep=False) == Qos.reliable()
    assert not of_node(0, None, lockstep=False).holds
    assert of_node(1, Qos.latest(), lockstep=True) == Qos.every()


class Ears(Node):
    """Wants one topic as it is told to."""

    kind = JournalEvent
    asks: Qos | None = None

    def configure(self, link: Link) -> None:
        link.subscribe("said", self.kind, print, keep=1, qos=self.asks)


class ImuEars(Ears):
    kind = Imu  # type: ignore[assignment]
    asks = Qos.reliable()


def a_cell(folder: Path) -> Cell:
    return Cell(clock=WallClock(), run_dir=folder, lockstep=False)


def test_a_launch_file_overrules_a_node_and_two_nodes_get_what_serves_both(tmp_path: Path) -> None:
    cell = a_cell(tmp_path)
    cell.add(Ears("one", None))
    assert cell.qos("said") == Qos.latest()
    cell.add(Ears("two", None), None, {"said": "keep(7)"})
    assert cell.qos("said") == Qos.keep(7)
    cell.add(Ears("three", None), {"said": "heard"}, {"heard": "reliable(3, 2 s)"})
    assert cell.qos("heard") == Qos.reliable(3, deadline_s=2.0)
    assert cell.qos("said") == Qos.keep(7)


def test_inertial_data_is_never_reliable(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="topic 'said': Imu is never reliable"):
        a_cell(tmp_path).add(ImuEars("ears", None))
