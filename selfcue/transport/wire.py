"""What the two ends of a link say to each other besides messages; every length is checked, nothing is trusted.

A subscriber says ``Hello`` with all that it wants, again and again: it is the whole state, so a publisher that was
started anew, or a link that broke, mends itself. ``Ack`` says how far the subscriber has got.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from selfcue.errors import BadInputError
from selfcue.qos import Kind, Qos
from selfcue.transport.ring import Ticket

MAX_TOPIC_BYTES = 256
MAX_WANTS = 1024
MAX_CONTROL_BYTES = 1 << 18
MAX_FRAME_BYTES = (64 << 20) + (1 << 20)
"""ZeroMQ turns larger frames away before it takes memory for them, and disconnects who sends them."""
MAX_FRAMES = 24

CONTROL, MESSAGE = b"\x01", b"\x02"


class Want(msgspec.Struct, frozen=True, array_like=True):
    """One subscription: a topic, or all that begin with it where it ends in ``/`` or is empty."""

    topic: str
    kind: Kind
    depth: int = 0
    deadline_s: float = 0.0

    @property
    def qos(self) -> Qos:
        return Qos(self.kind, self.depth, self.deadline_s)


class Hello(msgspec.Struct, frozen=True, tag=True):
    """A subscriber names itself, what it wants (``version`` counts changes), and proves where it is.

    ``proof`` and ``number`` name a file in shared memory and what stands in it; ``bell`` is a socket's path where the
    subscriber would rather have tickets of that memory. All three are empty where it cannot or will not.
    """

    name: str
    version: int
    wants: tuple[Want, ...]
    proof: str = ""
    number: bytes = b""
    bell: str = ""


class Welcome(msgspec.Struct, frozen=True, tag=True):
    """The publisher has understood version ``version``; ``column`` is the subscriber's pin in every ring, -1: none.

    ``refused`` holds topics that are not to be had as asked, with why.
    """

    name: str
    version: int
    column: int = -1
    refused: dict[str, str] = {}


class Ack(msgspec.Struct, frozen=True, tag=True):
    """Number of the last message of each topic that the subscriber has handled."""

    numbers: dict[str, int]


class Bye(msgspec.Struct, frozen=True, tag=True):
    """The subscriber leaves; or the publisher has had enough of it (``why``)."""

    why: str = ""


class Label(msgspec.Struct, frozen=True, array_like=True):
    """Goes with each message on a link.

    ``number`` counts what went of this topic to this subscriber over ZeroMQ (where a message comes by the bell: before
    it), ``skipped`` what did not go at all, because the subscriber was too slow.
    """

    number: int
    skipped: int = 0
    ticket: Ticket | None = None


class Rung(msgspec.Struct, frozen=True, array_like=True):
    """A whole message by the bell: its arrays lie where the label's ticket says, or are here where they are small."""

    topic: str
    label: Label
    header: bytes
    arrays: tuple[memoryview, ...] = ()


Control: TypeAlias = Hello | Welcome | Ack | Bye

_MAP = 8  # upper half of the first byte of a small msgpack map
_encoder = msgspec.msgpack.Encoder()
_control = msgspec.msgpack.Decoder(Control)
_label = msgspec.msgpack.Decoder(Label)
_rung = msgspec.msgpack.Decoder(Rung)


def pack(what: Control | Label | Rung) -> bytes:
    """Return ``what`` as bytes."""
    return _encoder.encode(what)


def control(payload: bytes | memoryview) -> Control:
    """Return the control message in ``payload``. Raises BadInputError for anything else."""
    size = memoryview(payload).nbytes
    if size > MAX_CONTROL_BYTES:
        raise BadInputError(f"control message of {size} bytes; the limit is {MAX_CONTROL_BYTES}")
    found: Control = _decoded(_control, payload, "control message")
    if isinstance(found, Hello):
        topics = [want.topic for want in found.wants]
        if len(found.wants) > MAX_WANTS or not 0 < len(found.name) <= MAX_TOPIC_BYTES or len(found.bell) > 108:
            raise BadInputError(f"a hello of {len(found.name)} letters with {len(topics)} wants is too large")
        for want in found.wants:
            _ = want.qos  # raises BadInputError
    elif isinstance(found, Welcome):
        topics = [found.name, *found.refused]
    else:
        topics = list(found.numbers) if isinstance(found, Ack) else []
    for topic in topics:
        if len(topic.encode()) > MAX_TOPIC_BYTES:
            raise BadInputError(f"a topic of {len(topic)} letters; the limit is {MAX_TOPIC_BYTES} bytes")
    return found


def label(payload: bytes | memoryview) -> Label:
    """Return the label in ``payload``. Raises BadInputError for anything else."""
    found: Label = _decoded(_label, payload, "label")
    return found


def rung(payload: bytes) -> Rung | Welcome:
    """Return what came by the bell. Raises BadInputError for anything else."""
    if payload[:1] and payload[0] >> 4 == _MAP:
        said = control(payload)
        if not isinstance(said, Welcome):
            raise BadInputError("a control message by the bell that is no welcome")
        return said
    found: Rung = _decoded(_rung, payload, "message by the bell")
    if len(found.topic.encode()) > MAX_TOPIC_BYTES or len(found.arrays) > MAX_FRAMES:
        raise BadInputError("a message by the bell with too long a topic, or too many arrays")
    if found.arrays and found.label.ticket is not None:
        raise BadInputError("a message by the bell with a ticket and with arrays")
    return found


def topic_of(frame: bytes | memoryview) -> str:
    """Return the topic in a frame. Raises BadInputError where it is too long or not text."""
    if memoryview(frame).nbytes > MAX_TOPIC_BYTES:
        raise BadInputError(f"a topic of {memoryview(frame).nbytes} bytes; the limit is {MAX_TOPIC_BYTES}")
    try:
        return bytes(frame).decode()
    except UnicodeDecodeError as error:
        raise BadInputError(f"a topic that is not text: {error}") from error


def matches(pattern: str, topic: str) -> bool:
    """Return whether a subscription to ``pattern`` wants ``topic``."""
    return pattern in {topic, ""} or (pattern.endswith("/") and topic.startswith(pattern))


def _decoded(decoder: msgspec.msgpack.Decoder, payload: bytes | memoryview, what: str) -> Any:
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise BadInputError(f"not a {what}: {error}") from error
