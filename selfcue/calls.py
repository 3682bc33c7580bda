"""Calls: one asks, one answers, both with a type; for what must be answered (parameters, faults, labels, seek).

A process answers at its desk, a ROUTER socket whose address is on its card; who asks connects a DEALER. Request and
reply are msgpack maps: ``{v, id, name, body}`` and ``{v, id, code, line, body}``, where ``code`` is 0 or the exit code
that goes with ``line``. Each call carries an id of its own and is sent anew while no answer comes, also to a process
that was started again meanwhile; a desk answers an id that it has answered before with the same words, without doing
the work twice. So it is done once, unless the process dies between doing it and answering: then it may be done again.
Lengths are limited before anything is allocated, and what does not decode is dropped and counted.
"""

from __future__ import annotations

import difflib
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import msgspec
import zmq

from selfcue.directory import Card, Directory
from selfcue.errors import BadInputError, SelfcueError, UsageError

WIRE_VERSION = 1
MAX_CALL_BYTES = 1 << 20
"""Of a request or a reply."""
MAX_NAME_LENGTH = 128
_ID_BYTES = 16
_ASK_AGAIN_S, _LOOK_AGAIN_S = 0.25, 0.05
_AT_ONCE = 64
_MAX_HOPS = 4
_KEPT_REPLIES, _KEPT_BYTES = 256, 4 << 20

R = TypeVar("R")
_log = logging.getLogger(__name__)


class Nothing(msgspec.Struct, frozen=True):
    """A request or a reply that says nothing."""


class _Request(msgspec.Struct, frozen=True):
    v: int
    id: bytes
    name: str
    body: msgspec.Raw


class _Reply(msgspec.Struct, frozen=True):
    v: int
    id: bytes
    code: int
    line: str
    body: msgspec.Raw


_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(_Request)
_replies = msgspec.msgpack.Decoder(_Reply)
_NO_BODY = msgspec.Raw(_encoder.encode(None))


def request_of(payload: bytes) -> _Request:
    """Return a request as it came. Raises BadInputError for anything that is none."""
    try:
        request: _Request = _requests.decode(payload)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise BadInputError(f"not a call: {error}") from error
    if request.v != WIRE_VERSION or len(request.id) != _ID_BYTES or len(request.name) > MAX_NAME_LENGTH:
        raise BadInputError(f"not a call: version {request.v}, an id of {len(request.id)} bytes")
    return request


def reply_of(payload: bytes) -> _Reply:
    """Return a reply as it came. Raises BadInputError for anything that is none."""
    try:
        reply: _Reply = _replies.decode(payload)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise BadInputError(f"not an answer: {error}") from error
    if reply.v != WIRE_VERSION or len(reply.id) != _ID_BYTES:
        raise BadInputError(f"not an answer: version {reply.v}, an id of {len(reply.id)} bytes")
    return reply


@dataclass(frozen=True)
class Service:
    """What answers a call: ``handler`` gets a ``request``, returns a ``reply``; a SelfcueError goes to the asker."""

    request: type[Any]
    reply: type[Any]
    handler: Callable[[Any], Any]

    def __str__(self) -> str:
        return f"{self.request.__name__} -> {self.reply.__name__}"


class Desk:
    """Answers the calls of one process; used from one thread.

    Attributes:
        services: by name.
        endpoint: where it answers.
        drops: what was not understood, by kind.
    """

    def __init__(self, endpoint: str, *, context: zmq.Context[zmq.Socket[bytes]] | None = None) -> None:
        self.services: dict[str, Service] = {}
        self.endpoint = endpoint
        self.drops: dict[str, int] = {}
        self.socket = _socket(context or zmq.Context.instance(), zmq.ROUTER)
        self.socket.bind(endpoint)
        self._answered: OrderedDict[bytes, bytes] = OrderedDict()
        self._kept_bytes = 0

    def serve(self, name: str, service: Service) -> None:
        """Answer calls of ``name``. Raises UsageError where the name is taken or too long."""
        if name in self.services or not 0 < len(name) <= MAX_NAME_LENGTH:
            raise UsageError(f"call {name!r}: answered here already, or a name not of 1 to {MAX_NAME_LENGTH} letters")
        self.services[name] = service

    @property
    def types(self) -> dict[str, str]:
        """Return ``Request -> Reply`` of each call, by name: for the card."""
        return {name: str(service) for name, service in sorted(self.services.items())}

    def answer(self) -> int:
        """Answer what waits, at most 64 calls; return how many there were."""
        for number in range(_AT_ONCE):
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return number
            *way, payload = frames  # who asks, and those that passed it on
            if not 1 <= len(way) <= _MAX_HOPS:
                self._drop("frames")
                continue
            reply = self._reply_to(payload)
            if reply is not None:
                self.socket.send_multipart([*way, reply])  # a ROUTER drops what is for somebody gone
        return _AT_ONCE

    def _reply_to(self, payload: bytes) -> bytes | None:
        try:
            request = request_of(payload)
        except BadInputError:
            self._drop("undecodable")
            return None
        known = self._answered.get(request.id)
        if known is None:
            known = self._encode(request, *self._work(request))
            self._keep(request.id, known)
        return known

    def _work(self, request: _Request) -> tuple[int, str, Any]:
        service = self.services.get(request.name)
        if service is None:
            return (
                UsageError.exit_code,
                f"no call {request.name!r} here{_hint(request.name, list(self.services))}",
                None,
            )
        try:
            asked = msgspec.msgpack.decode(request.body, type=service.request)
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
            return BadInputError.exit_code, f"call {request.name!r} takes a {service.request.__name__}: {error}", None
        try:
            answer = service.handler(asked)
        except SelfcueError as error:
            return error.exit_code, str(error), None
        except Exception as error:  # noqa: BLE001 - one wrong call must not end a robot's process
            _log.exception("call %s failed", request.name)
            return 1, f"call {request.name!r}: {type(error).__name__}: {error} (a fault of the program)", None
        if type(answer) is not service.reply:
            kind = type(answer).__name__
            return (
                1,
                f"call {request.name!r} answers {service.reply.__name__}, got {kind} (a fault of the program)",
                None,
            )
        return 0, "", answer

    def _encode(self, request: _Request, code: int, line: str, answer: Any) -> bytes:
        body = _NO_BODY if code else msgspec.Raw(_encoder.encode(answer))
        payload = _encoder.encode(_Reply(WIRE_VERSION, request.id, code, line[:4096], body))
        if len(payload) <= MAX_CALL_BYTES:
            return payload
        line = f"call {request.name!r}: a reply of {len(payload)} bytes; the limit is {MAX_CALL_BYTES}"
        return _encoder.encode(_Reply(WIRE_VERSION, request.id, 1, line, _NO_BODY))

    def _keep(self, call_id: bytes, reply: bytes) -> None:
        self._answered[call_id] = reply
        self._kept_bytes += len(reply)
        while len(self._answered) > _KEPT_REPLIES or self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= len(self._answered.popitem(last=False)[1])

    def _drop(self, kind: str) -> None:
        self.drops[kind] = self.drops.get(kind, 0) + 1

    def close(self) -> None:
        """Answer no more. May be called twice."""
        self.socket.close(linger=0)


def call(
    directory: Directory,
    name: str,
    request: Any,
    reply: type[R],
    *,
    timeout_s: float,
    context: zmq.Context[zmq.Socket[bytes]] | None = None,
) -> R:
    """Ask ``name`` of whoever answers it in ``directory``'s domain, and return the answer.

    Raises:
        UsageError: nobody answers calls of that name.
        BadInputError: the request is too long or of another type than asked for.
        SelfcueError: no answer within ``timeout_s``, or what the answering side raised, with its exit code.
    """
    call_id = uuid.uuid4().bytes
    payload = _encoder.encode(_Request(WIRE_VERSION, call_id, name, msgspec.Raw(_encoder.encode(request))))
    if len(payload) > MAX_CALL_BYTES:
        raise BadInputError(f"call {name!r}: a request of {len(payload)} bytes; the limit is {MAX_CALL_BYTES}")
    deadline = time.monotonic() + timeout_s
    card: Card | None = _who_answers(directory, name)
    host = card.name if card is not None else ""
    while time.monotonic() < deadline:
        if card is None:  # it was there and is not now: it may be started again
            time.sleep(_LOOK_AGAIN_S)
        else:
            found = _ask(card.desk, payload, call_id, deadline, partial(_moved, directory, name, card), context)
            if found is not None:
                return _opened(name, found, reply)
        card = next((one for one in directory.cards() if name in one.calls), None)
    raise SelfcueError(f"call {name!r}: process {host!r} did not answer within {timeout_s:g} s; see its log")


def _ask(
    desk: str,
    payload: bytes,
    call_id: bytes,
    deadline: float,
    moved: Callable[[], bool],
    context: zmq.Context[zmq.Socket[bytes]] | None,
) -> _Reply | None:
    """Ask at one desk until it answers, the time is up, or the one who answers has moved."""
    with _socket(context or zmq.Context.instance(), zmq.DEALER) as socket:
        socket.connect(desk)
        while time.monotonic() < deadline:
            with suppress(zmq.Again):
                socket.send(payload, zmq.NOBLOCK)
            found = _await(socket, call_id, min(deadline, time.monotonic() + _ASK_AGAIN_S))
            if found is not None or moved():
                return found
    return None


def _await(socket: zmq.Socket[bytes], call_id: bytes, until_s: float) -> _Reply | None:
    while (left_s := until_s - time.monotonic()) > 0:
        if not socket.poll(max(1, round(left_s * 1000))):
            return None
        with suppress(BadInputError):
            reply = reply_of(socket.recv())
            if reply.id == call_id:
                return reply
    return None


def _opened(name: str, found: _Reply, reply: type[R]) -> R:
    if found.code:
        error = SelfcueError(found.line)
        error.exit_code = found.code
        raise error
    try:
        return msgspec.msgpack.decode(found.body, type=reply)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise BadInputError(f"call {name!r}: the answer is no {reply.__name__}: {error}") from error


def _who_answers(directory: Directory, name: str) -> Card:
    cards = directory.cards()
    for card in cards:
        if name in card.calls:
            return card
    raise UsageError(f"nobody answers {name!r}{_hint(name, [known for card in cards for known in card.calls])}")


def _moved(directory: Directory, name: str, card: Card) -> bool:
    """Tell whether ``card`` answers ``name`` no more."""
    return not any(name in other.calls and other.desk == card.desk for other in directory.cards())


def _hint(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there is: {', '.join(sorted(known)) or 'none: no system runs in this domain (see SELFCUE_DOMAIN)'}"


def _socket(context: zmq.Context[zmq.Socket[bytes]], kind: int) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_CALL_BYTES)
    socket.setsockopt(zmq.SNDHWM, 64)
    socket.setsockopt(zmq.RCVHWM, 64)
    return socket
