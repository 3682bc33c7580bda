"""Messages to frames and back: one msgpack header, then one raw buffer per array. Never pickle.

Wire form of a message, as ZeroMQ multipart::

    [topic utf-8] [header msgpack] [array 0 bytes] [array 1 bytes] ...

The header is a map that any msgpack library reads: ``{v, type, source, seq, host, count, body, arrays, life, clock}``.
An array in ``body`` is the map ``{"__array__": i}``, and ``arrays[i]`` is ``{"dtype": "<f4", "shape": [96, 128]}``.
Every length is checked before anything is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import MESSAGE_TYPES, Message, type_name

Buffer: TypeAlias = bytes | bytearray | memoryview

WIRE_VERSION = 1
MAX_HEADER_BYTES = 1 << 20
MAX_ARRAY_BYTES = 64 << 20
"""Of all arrays of one message together."""
MAX_ARRAYS = 16
MAX_DIMENSIONS = 4
DTYPES = frozenset({"|u1", "|i1", "|b1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8"})


class ArraySpec(msgspec.Struct, frozen=True):
    """dtype string (little endian) and shape of one array frame."""

    dtype: str
    shape: tuple[int, ...]


class Envelope(msgspec.Struct, frozen=True):
    """The header of one message.

    ``seq`` counts per publisher and topic; ``count`` counts all that ``host`` has put on the topic, from 1. ``life``
    tells a process that was started again from the one that died; ``count`` begins anew with it. ``clock`` is the
    domain of all stamps in the body (see ``selfcue.clock.Clock``); empty where the publisher does not say.
    """

    v: int
    type: str
    source: str
    seq: int
    host: str
    count: int
    body: msgspec.Raw
    arrays: tuple[ArraySpec, ...] = ()
    life: int = 0
    clock: str = ""


_envelope_encoder = msgspec.msgpack.Encoder()
_envelope_decoder = msgspec.msgpack.Decoder(Envelope)


def encode(message: Message, *, host: str, count: int, life: int = 0, clock: str = "") -> list[Buffer]:
    """Return header and array frames of ``message`` (its ``seq`` and ``source`` already set)."""
    arrays: list[np.ndarray] = []

    def take_array(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            raise BadInputError(f"{type_name(message)} holds a {type(value).__name__}, which does not travel")
        array = np.ascontiguousarray(value)
        if array.dtype.str not in DTYPES:
            raise BadInputError(f"{type_name(message)} holds an array of {array.dtype}, which does not travel")
        arrays.append(array)
        size = sum(one.nbytes for one in arrays)
        if size > MAX_ARRAY_BYTES or len(arrays) > MAX_ARRAYS or array.ndim > MAX_DIMENSIONS:
            held = f"{len(arrays)} arrays with {size} bytes, the last of shape {array.shape}"
            limit = f"{MAX_ARRAYS} arrays with {MAX_ARRAY_BYTES} bytes, of up to {MAX_DIMENSIONS} dimensions"
            raise BadInputError(f"{type_name(message)} holds {held}; the limit is {limit}")
        return {"__array__": len(arrays) - 1}

    body = msgspec.msgpack.encode(message, enc_hook=take_array)
    specs = tuple(ArraySpec(array.dtype.str, array.shape) for array in arrays)
    envelope = Envelope(
        WIRE_VERSION,
        type_name(message),
        message.source,
        message.seq,
        host,
        count,
        msgspec.Raw(body),
        specs,
        life,
        clock,
    )
    return [_envelope_encoder.encode(envelope), *(array.reshape(-1).view(np.uint8).data for array in arrays)]


def decode_envelope(header: Buffer) -> Envelope:
    """Return the checked header. Raises BadInputError for anything that is not one of ours."""
    size = memoryview(header).nbytes
    if size > MAX_HEADER_BYTES:
        raise BadInputError(f"message header of {size} bytes; the limit is {MAX_HEADER_BYTES}")
    try:
        envelope = _envelope_decoder.decode(header)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise BadInputError(f"not a selfcue message header: {error}") from error
    if envelope.v != WIRE_VERSION:
        raise BadInputError(f"message of wire version {envelope.v}; this side speaks version {WIRE_VERSION}")
    return envelope


def decode(envelope: Envelope, buffers: Sequence[Buffer]) -> Message:
    """Return the message; its arrays are read-only views into ``buffers``.

    Raises:
        BadInputError: unknown type, wrong field, or array frames that do not fit their description.
    """
    kind = MESSAGE_TYPES.get(envelope.type)
    if kind is None:
        raise BadInputError(
            f"message type {envelope.type[:40]!r} is not known; known: {', '.join(sorted(MESSAGE_TYPES))}"
        )
    if len(buffers) != len(envelope.arrays) or len(buffers) > MAX_ARRAYS:
        raise BadInputError(f"{envelope.type} announces {len(envelope.arrays)} arrays and carries {len(buffers)}")
    for spec, wanted, buffer in zip(envelope.arrays, lengths(envelope), buffers, strict=True):
        if wanted != memoryview(buffer).nbytes:
            carried = f"{spec.dtype} {spec.shape} and carries {memoryview(buffer).nbytes}"
            raise BadInputError(f"{envelope.type} announces {wanted} bytes {carried}")
    arrays = [_array(spec, buffer) for spec, buffer in zip(envelope.arrays, buffers, strict=True)]

    def put_array(wanted: type, value: Any) -> Any:
        index = value.get("__array__") if isinstance(value, dict) else None
        if wanted is not np.ndarray or not isinstance(index, int) or not 0 <= index < len(arrays):
            raise ValueError("an array field does not point to an array frame")
        return arrays[index]

    try:
        message = msgspec.msgpack.decode(envelope.body, type=kind, dec_hook=put_array)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise BadInputError(f"{envelope.type} from {envelope.source[:40]!r}: {error}") from error
    return message


def lengths(envelope: Envelope) -> list[int]:
    """Return the bytes of each array that ``envelope`` announces.

    Raises:
        BadInputError: too many arrays, more bytes than one message may have, or no such dtype or shape.
    """
    if len(envelope.arrays) > MAX_ARRAYS:
        raise BadInputError(f"{envelope.type[:40]} announces {len(envelope.arrays)} arrays; the limit is {MAX_ARRAYS}")
    sizes = []
    for spec in envelope.arrays:
        if spec.dtype not in DTYPES or len(spec.shape) > MAX_DIMENSIONS or any(side < 0 for side in spec.shape):
            found = f"dtype {spec.dtype[:20]!r} and shape {spec.shape[:8]}"  # one line, whatever was sent
            raise BadInputError(f"{envelope.type[:40]} carries an array of {found}")
        sizes.append(math.prod(spec.shape) * np.dtype(spec.dtype).itemsize)
    if sum(sizes) > MAX_ARRAY_BYTES:
        raise BadInputError(f"{envelope.type} announces {sum(sizes)} bytes; the limit is {MAX_ARRAY_BYTES}")
    return sizes


def _array(spec: ArraySpec, buffer: Buffer) -> np.ndarray:
    array = np.frombuffer(memoryview(buffer), dtype=spec.dtype).reshape(spec.shape)
    array.flags.writeable = False
    return array
