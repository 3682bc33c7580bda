"""ROS 1 ``.bag`` files and ROS 2 bags (``.db3``, folders with ``metadata.yaml``) as a source of messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from selfcue.errors import BadInputError, SelfcueError
from selfcue.messages import MESSAGE_TYPES, Message
from selfcue.optional import require
from selfcue.record.entry import TopicInfo
from selfcue.record.log_source import latched_among, static_among
from selfcue.record.stamp_order import Entry, in_stamp_order, stamped
from selfcue.sensors.rosbag.types import VELODYNE_DEFINITIONS, Values, message_of, our_type, reader_of, schema_of

_BAG1 = b"#ROSBAG V"
_SQLITE = b"SQLite format 3\x00"
_METADATA = "rosbag2_bagfile_information"


class RosbagReader:
    """A ROS bag of either generation; one in MCAP that lies in a bag folder too.

    Topics are called as in the bag, without the leading ``/``. Stamps are those of the headers; a message without one,
    or whose header was not filled in, has the time at which it was recorded (see ``stamped``). Types without a
    counterpart among our messages are named by ``contents`` with their counts.

    Raises:
        BadInputError: no bag, damaged, or without a message that we can read.
        MissingDependencyError: rosbags is not installed.
    """

    looks_for: ClassVar[str] = "a ROS 1 .bag, a ROS 2 .db3, or a folder with rosbag2's metadata.yaml"
    time_base: ClassVar[str] = "the headers' clock of the recorded ROS system"

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._highlevel = require("rosbags.highlevel", extra="logs")
        self._typesys = require("rosbags.typesys", extra="logs")
        self._contents: dict[str, TopicInfo] = {}
        with self._opened() as bag:
            for connection in bag.connections:
                self._note(connection, bag.typestore)
        self._topics = {
            topic: MESSAGE_TYPES[info.type]
            for topic, info in sorted(self._contents.items())
            if info.type and info.count
        }
        if not self._topics:
            raise BadInputError(f"{self._path} holds no message of a type that selfcue knows")
        self._range: tuple[int, int] | None = None

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Tell whether ``path`` begins as a bag does, or is a folder of rosbag2."""
        try:
            if path.is_dir():
                listing = path / "metadata.yaml"
                return listing.is_file() and _METADATA in listing.read_text(errors="replace")
            with path.open("rb") as file:
                head = file.read(len(_SQLITE))
        except OSError:
            return False
        return head.startswith(_BAG1) or (head == _SQLITE and path.suffix == ".db3")

    def topics(self) -> Mapping[str, type[Message]]:
        return dict(self._topics)

    def contents(self) -> Mapping[str, TopicInfo]:
        """Return all topics with their counts; those of unknown type have an empty ``type``."""
        return dict(self._contents)

    @property
    def latched_topics(self) -> frozenset[str]:
        return latched_among(self._topics)

    @property
    def start_ns(self) -> int:
        return self._stamp_range()[0]

    @property
    def end_ns(self) -> int:
        return self._stamp_range()[1]

    def messages(self, start_ns: int | None = None) -> Iterator[Entry]:
        if start_ns is not None:
            held = {}
            for topic, message in self._all():
                if topic in self.latched_topics and message.stamp_ns < start_ns:
                    held[topic, message.source] = (message.stamp_ns, topic, message)
            yield from sorted(held.values(), key=lambda entry: entry[:2])
        yield from in_stamp_order(self._all(), start_ns or 0)

    # -- inside ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """Open the bag with rosbags; whatever it says of a damaged one becomes one line."""
        with _clear_errors(self._path), ExitStack() as stack:
            store = self._typesys.get_typestore(self._typesys.Stores.ROS2_HUMBLE)
            for name, text in VELODYNE_DEFINITIONS.items():
                store.register(self._typesys.get_types_from_msg(text, name))
            yield stack.enter_context(self._highlevel.AnyReader([self._path], default_typestore=store))

    def _note(self, connection: Any, typestore: Any) -> None:
        topic = connection.topic.removeprefix("/")
        kind = our_type(connection.msgtype) if connection.msgtype in typestore.fielddefs else ""
        before = self._contents.get(topic)
        count = connection.msgcount + (before.count if before else 0)
        if before is not None and before.schema != schema_of(connection.msgtype):
            raise BadInputError(
                f"{self._path}: topic {topic!r} has messages of {before.schema} and of {connection.msgtype}; "
                "split them with rosbag filter"
            )
        sources = {*(before.sources if before else ()), _source(connection)}
        self._contents[topic] = TopicInfo(topic, kind, schema_of(connection.msgtype), count, tuple(sorted(sources)))

    def _all(self) -> Iterator[tuple[str, Message]]:
        """Yield every readable message in the order of recording, stamped."""
        return stamped(self._recorded(), static_among(self._topics), zero_is_unset=True)

    def _recorded(self) -> Iterator[tuple[str, Message, int]]:
        with self._opened() as bag:
            wanted = [one for one in bag.connections if one.topic.removeprefix("/") in self._topics]
            readers: dict[str, Callable[[Any], Values]] = {}
            for connection, log_time_ns, raw in bag.messages(wanted):
                topic, msgtype = connection.topic.removeprefix("/"), connection.msgtype
                if msgtype not in readers:
                    readers[msgtype] = reader_of(msgtype, bag.typestore.fielddefs)
                values = readers[msgtype](bag.deserialize(raw, msgtype))
                try:
                    message = message_of(msgtype, values, _source(connection))
                except BadInputError as error:
                    raise BadInputError(f"{self._path}: {topic} at {log_time_ns} ns: {error}") from error
                yield topic, message, log_time_ns

    def _stamp_range(self) -> tuple[int, int]:
        if self._range is None:
            first = last = None
            for _, message in self._all():
                first = message.stamp_ns if first is None else min(first, message.stamp_ns)
                last = message.stamp_ns if last is None else max(last, message.stamp_ns)
            if first is None or last is None:
                raise BadInputError(f"{self._path}: its index names messages, and none is there; it is damaged")
            self._range = first, last
        return self._range


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (SelfcueError, GeneratorExit):
        raise
    except Exception as error:  # rosbags, SQLite and YAML fail on damaged bags in as many ways as there are bytes
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BadInputError(f"{path} is damaged or no ROS bag ({reason})") from error


def _source(connection: Any) -> str:
    """Return who published: the node's name where a ROS 1 bag says it."""
    return (getattr(connection.ext, "callerid", None) or "").strip("/")
