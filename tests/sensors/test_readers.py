"""Finding a reader for a log, and what is played together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from selfcue import plugins
from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import CameraInfo, Imu, Message
from selfcue.sensors.kitti.reader import KittiReader
from selfcue.sensors.readers import Entry, HasMoments, moments, open_log


def imu(stamp_ns: int) -> Imu:
    return Imu(stamp_ns=stamp_ns, angular_velocity=(0, 0, 0), linear_acceleration=(0, 0, 9.81))


def info(stamp_ns: int) -> CameraInfo:
    return CameraInfo(
        stamp_ns=stamp_ns, width=4, height=4, k=(4.0, 0, 2, 0, 4, 2, 0, 0, 1), p=(4.0, 0, 2, 0, 0, 4, 2, 0, 0, 0, 1, 0)
    )


class PlainReader:
    """A log without frames of its own: entries as given."""

    latched_topics = frozenset({"info"})

    def __init__(self, entries: list[tuple[str, Message]]) -> None:
        self.entries = entries

    @classmethod
    def claims(cls, path: Path) -> bool:
        return path.suffix == ".plain"

    def topics(self) -> Mapping[str, type[Message]]:
        return {topic: type(message) for topic, message in self.entries}

    @property
    def start_ns(self) -> int:
        return self.entries[0][1].stamp_ns

    @property
    def end_ns(self) -> int:
        return self.entries[-1][1].stamp_ns

    def messages(self, start_ns: int | None = None) -> Iterator[Entry]:
        for topic, message in self.entries:
            if start_ns is None or message.stamp_ns >= start_ns or topic == "info":
                yield message.stamp_ns, topic, message


def shape(reader: Any, start_ns: int | None = None) -> list[tuple[int, list[str]]]:
    return [(moment.stamp_ns, [topic for _, topic, _ in moment.entries]) for moment in moments(reader, start_ns)]


def test_messages_of_one_stamp_are_one_moment() -> None:
    reader = PlainReader([("info", info(0)), ("a", imu(0)), ("a", imu(5)), ("b", imu(5)), ("a", imu(7))])
    assert shape(reader) == [(0, ["info", "a"]), (5, ["a", "b"]), (7, ["a"])]
    assert shape(reader, 6) == [(7, ["info", "a"])]
    assert shape(PlainReader([])) == []


def test_a_late_message_goes_with_the_moment_that_it_came_in() -> None:
    reader = PlainReader([("a", imu(5)), ("b", imu(3)), ("a", imu(7)), ("b", imu(6))])
    assert shape(reader) == [(5, ["a", "b"]), (7, ["a", "b"])]


def test_a_reader_with_frames_of_its_own(kitti: Any) -> None:
    reader = KittiReader(kitti.slim())
    assert isinstance(reader, HasMoments)
    assert not isinstance(PlainReader([]), HasMoments)
    assert [stamp for stamp, _ in shape(reader)] == list(reader.moment_stamps())


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The readers that are registered; change it to register others."""
    known: dict[str, Any] = {"kitti": KittiReader}

    def load(group: str, name: str) -> Any:
        assert group == plugins.READERS
        if isinstance(known[name], Exception):
            raise known[name]
        return known[name]

    monkeypatch.setattr(plugins, "names", lambda group: sorted(known))
    monkeypatch.setattr(plugins, "load", load)
    return known


def test_the_reader_that_claims_a_path_opens_it(kitti: Any, registered: dict[str, Any]) -> None:
    registered["broken"] = MissingDependencyError("brokenlib is not installed")
    assert isinstance(open_log(kitti.slim()), KittiReader)


def test_a_log_that_nobody_knows(tmp_path: Path, registered: dict[str, Any]) -> None:
    registered["broken"] = MissingDependencyError("brokenlib is not installed")
    with pytest.raises(BadInputError, match="no such log"):
        open_log(tmp_path / "nowhere")
    with pytest.raises(BadInputError) as caught:
        open_log(tmp_path)
    for part in (str(tmp_path), "no reader knows this log", "frames.csv", "brokenlib is not installed"):
        assert part in str(caught.value)


def test_kitti_is_registered_under_its_name() -> None:
    """Needs the installed package's entry points."""
    if "kitti" not in plugins.names(plugins.READERS):
        pytest.skip("the package is not installed: no entry points")
    assert plugins.load(plugins.READERS, "kitti") is KittiReader
