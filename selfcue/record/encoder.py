"""Messages on their way into a log: thinned and compressed as the rules say, then CDR.

What comes out names its line, which is what the log makes a channel of: one topic, publisher and type. It stands by
itself, so that it may wait in a queue or ring, or go into the next file.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

import msgspec

from selfcue.errors import BadInputError
from selfcue.messages import Image, Imu, Message, type_name
from selfcue.record import compressed
from selfcue.record.cdr import HEADER
from selfcue.record.convert import BY_KIND, to_ros
from selfcue.record.convert_sensors import NO_ORIENTATION, UNKNOWN_3
from selfcue.record.definitions import codec
from selfcue.record.fields import MAX_STAMP_NS, NS, header
from selfcue.record.rules import Throttle, TopicRule, rule_for
from selfcue.record.sink import Buffer

MAX_SEQ = (1 << 32) - 1
_Encode: TypeAlias = Callable[[Message], tuple[Buffer, ...]]


@dataclass(frozen=True, eq=False)
class Line:
    """One topic from one publisher in one form.

    Attributes:
        topic: as on the bus.
        source: the publisher.
        kind: name of our message type.
        schema: name of the ROS type.
        compressed: whether pictures are compressed.
        encode: makes CDR of a message.
        throttle: leaves messages out; None: keeps all.
    """

    topic: str
    source: str
    kind: str
    schema: str
    compressed: bool
    encode: _Encode
    throttle: Throttle | None


class Encoded(msgspec.Struct, gc=False):
    """A message in the form in which a log holds it, in one piece or more."""

    line: Line
    stamp_ns: int
    seq: int
    pieces: tuple[Buffer, ...]

    @property
    def nbytes(self) -> int:
        return sum(memoryview(piece).nbytes for piece in self.pieces)


class Encoder:
    """Encodes messages by rules.

    Attributes:
        rules: as they were given.
        throttled: messages by topic that were left out as the rules say.

    Args:
        rules: what to do with topics, by topic or pattern (see ``TopicRule``); the first match counts.
        throttles: where the throttles of an earlier encoder stood (see the property), to go on with it.
    """

    def __init__(self, rules: Mapping[str, TopicRule], throttles: Iterable[tuple[str, str, int]] = ()) -> None:
        self.throttled: Counter[str] = Counter()
        self.rules = dict(rules)
        self._lines: dict[tuple[str, str, str], Line] = {}
        self._throttles: dict[tuple[str, str], Throttle] = {}
        for topic, source, slot in throttles:
            rule = rule_for(topic, self.rules)
            if rule.max_hz is not None:
                self._throttles[topic, source] = Throttle(rule.max_hz, slot)

    @property
    def throttles(self) -> list[tuple[str, str, int]]:
        """Where each throttle stands: topic, source, period."""
        return [(topic, source, one.slot) for (topic, source), one in sorted(self._throttles.items())]

    def encode(self, topic: str, message: Message) -> Encoded | None:
        """Return ``message`` as a log holds it; None where the topic's throttle leaves it out.

        Big arrays are not copied: they must not change until the log has them.

        Raises:
            BadInputError: it cannot be recorded (see ``to_ros``), or its ``seq`` is out of range.
        """
        form = message.encoding if isinstance(message, Image) else message.__class__.__name__
        line = self._lines.get((topic, message.source, form))
        if line is None:
            line = self._lines[topic, message.source, form] = self._line(topic, message)
        if not 0 <= message.seq <= MAX_SEQ:
            raise BadInputError(f"{topic}: seq {message.seq} is out of range")
        if line.throttle is not None and not line.throttle.admits(message.stamp_ns):
            self.throttled[topic] += 1
            return None
        return Encoded(line, message.stamp_ns, message.seq, line.encode(message))

    def _line(self, topic: str, message: Message) -> Line:
        kind = type(message)
        if kind not in BY_KIND:
            raise BadInputError(f"{topic}: messages of type {type_name(message)} cannot be recorded")
        rule = rule_for(topic, self.rules)
        throttle = None
        if rule.max_hz is not None:
            throttle = self._throttles.setdefault((topic, message.source), Throttle(rule.max_hz))
        schema, encode = BY_KIND[kind].schema, _imu if kind is Imu else _plain(BY_KIND[kind].schema)
        squeezed = isinstance(message, Image) and compressed.fits(message, rule)
        if squeezed:
            schema = compressed.SCHEMA
            encode = _picture(rule)
        return Line(topic, message.source, type_name(message), schema, squeezed, encode, throttle)


def _plain(schema: str) -> _Encode:
    pieces = codec(schema).pieces
    return lambda message: pieces(to_ros(message)[1])


def _picture(rule: TopicRule) -> _Encode:
    pieces = codec(compressed.SCHEMA).pieces

    def encode(message: Message) -> tuple[Buffer, ...]:
        return pieces(compressed.encode(cast(Image, message), rule) | {"header": header(message)})

    return encode


# -- inertial data comes a thousand times a second: the same bytes as by the general way, in a fifth of the time ----

_REST_3 = struct.pack("<9d", *UNKNOWN_3)
_ATTITUDE = struct.pack("<4d9d", 0.0, 0.0, 0.0, 1.0, *NO_ORIENTATION)
_imu_forms: dict[str, tuple[struct.Struct, bytes]] = {}
_MOST_FORMS = 256


def _imu(message: Message) -> tuple[Buffer, ...]:
    imu = cast(Imu, message)
    form = _imu_forms.get(imu.frame_id) or _imu_form(imu.frame_id)
    stamp_ns = imu.stamp_ns
    if not 0 <= stamp_ns <= MAX_STAMP_NS:
        header(message)  # raises the error that says so
    try:
        packed = form[0].pack(
            HEADER,
            stamp_ns // NS,
            stamp_ns % NS,
            form[1],
            _ATTITUDE,
            *imu.angular_velocity,
            _REST_3,
            *imu.linear_acceleration,
            _REST_3,
        )
    except (struct.error, TypeError) as error:
        raise BadInputError(f"sensor_msgs/msg/Imu: a value does not fit its field ({error})") from error
    return (packed,)


def _imu_form(frame_id: str) -> tuple[struct.Struct, bytes]:
    """Return the layout of a ``sensor_msgs/Imu`` in ``frame_id``, and that name as it stands in it."""
    name = frame_id.encode() + b"\0"
    text = struct.pack("<I", len(name)) + name
    text += bytes(-(8 + len(text)) % 8)  # doubles are aligned, counted from behind the header
    form = struct.Struct(f"<4siI{len(text)}s{len(_ATTITUDE)}s3d{len(_REST_3)}s3d{len(_REST_3)}s"), text
    if len(_imu_forms) >= _MOST_FORMS:
        _imu_forms.clear()
    _imu_forms[frame_id] = form
    return form
