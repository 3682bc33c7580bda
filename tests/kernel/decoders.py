"""Every decoder that bytes of others reach, each with good examples to begin from; for tests and for the fuzzer."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from selfcue import calls, codec
from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Estimate, Image, Imu, JournalEvent, Message, PointCloud
from selfcue.transport import wire
from selfcue.transport.ring import Ticket
from selfcue.transport.wire import Ack, Bye, Hello, Label, Rung, Want, Welcome

_encode = msgspec.msgpack.Encoder().encode
MOST_LETTERS = 2000
"""Of an error: it is one line, whatever was sent."""

Decoder = Callable[[bytes], object]


def message(frames: bytes) -> object:
    """Decode header and one array, which lies behind a byte that divides them."""
    cut = frames[0] * 4 + 1 if frames else 0
    envelope = codec.decode_envelope(frames[1:cut])
    return codec.decode(envelope, [frames[cut:]] * len(codec.lengths(envelope)))


def _message(sent: Message) -> bytes:
    header, *arrays = codec.encode(sent, host="h", count=1)
    padded = bytes(header) + bytes(-len(header) % 4)
    return bytes([len(padded) // 4]) + padded + (bytes(arrays[0]) if arrays else b"")


def _seeds() -> dict[str, tuple[Decoder, list[bytes]]]:
    data = np.zeros((2, 3), np.uint8)
    flat = np.zeros((2, 3), np.float32)
    ticket = Ticket("selfcue-0123abcd-77-1.ring", 7, 1, 22)
    said: list[wire.Control] = [
        Hello(
            "h", 3, (Want("t", "latest"), Want("i/", "reliable", 5, 1.0)), "selfcue-0-1-1.proof", bytes(16), "ipc://x"
        ),
        Welcome("h", 3, 1, {"t": "why"}),
        Ack({"t": 7}),
        Bye("enough"),
    ]
    messages: list[Message] = [
        Image(stamp_ns=1, encoding="mono8", data=data),
        Imu(stamp_ns=1, angular_velocity=(0, 0, 1), linear_acceleration=(0, 0, 9.81)),
        CameraInfo(stamp_ns=1, width=4, height=3, k=(1.0,) * 9, p=(1.0,) * 12),
        JournalEvent(stamp_ns=1, kind="k", detail={"a": 1, "b": 2.0, "c": "d", "e": True}),
        PointCloud(stamp_ns=1, points=flat, intensity=flat),
        Estimate(stamp_ns=1, cue="fused", quantity="q", value=flat, lower=flat, upper=flat, valid=flat, confidence=0.5),
    ]
    raw = msgspec.Raw(_encode({"changes": {"step": 3}}))
    return {
        "envelope": (codec.decode_envelope, [bytes(codec.encode(one, host="h", count=1)[0]) for one in messages]),
        "message": (message, [_message(one) for one in messages]),
        "control": (wire.control, [wire.pack(one) for one in said]),
        "label": (wire.label, [wire.pack(Label(7, 1)), wire.pack(Label(7, 1, ticket))]),
        "rung": (wire.rung, [wire.pack(Rung("t", Label(7, 1, ticket), b"header"))]),
        "call": (calls.request_of, [_encode(calls._Request(1, bytes(16), "node/params", raw))]),
        "answer": (calls.reply_of, [_encode(calls._Reply(1, bytes(16), 3, "refused", raw))]),
        "topic": (wire.topic_of, [b"stereo/left/image", "größe".encode()]),
    }


DECODERS = _seeds()


def try_one(decoder: Decoder, payload: bytes) -> bool:
    """Return whether ``payload`` was taken; anything but BadInputError is a fault of the program and goes up."""
    try:
        decoder(payload)
    except BadInputError as error:
        if len(str(error)) > MOST_LETTERS:
            raise AssertionError(f"an error of {len(str(error))} letters") from error
        return False
    return True


HEADS = [bytes([head]) for head in (0xDC, 0xDD, 0xDE, 0xDF, 0xD9, 0xDA, 0xDB, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9)]
"""First bytes of msgpack's arrays, maps, strings and bytes with a length of their own."""


def mutated(seed: bytes, rng: np.random.Generator) -> bytes:
    """Return ``seed`` with bits turned, bytes put in, cut out or doubled, or lengths blown up."""
    payload = bytearray(seed)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, len(payload) + 1))
        kind = int(rng.integers(0, 6))
        if kind == 0 and payload:
            payload[at % len(payload)] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            payload[at:at] = rng.bytes(int(rng.integers(1, 5)))
        elif kind == 2:
            del payload[at : at + int(rng.integers(1, 9))]
        elif kind == 3:
            payload[at:at] = payload[at : at + int(rng.integers(1, 40))]
        elif kind == 4:
            payload[at : at + 1] = HEADS[int(rng.integers(0, len(HEADS)))] + b"\xff" * int(rng.integers(1, 5))
        elif payload:
            payload[at % len(payload)] = int(rng.integers(0, 256))
    return bytes(payload)


def throw(number: int, seed: int) -> int:
    """Throw ``number`` mutated and random payloads at the decoders; return how many were taken."""
    rng = np.random.default_rng(seed)
    taken = 0
    kinds = list(DECODERS.values())
    for i in range(number):
        decoder, seeds = kinds[i % len(kinds)]
        payload = (
            rng.bytes(int(rng.integers(0, 200))) if i % 10 == 0 else mutated(seeds[int(rng.integers(len(seeds)))], rng)
        )
        taken += try_one(decoder, payload)
    return taken


def every_seed_is_taken() -> bool:
    """Return whether the examples are good: mutations of what is refused anyway show little."""
    return all(
        try_one(decoder, seed) for name, (decoder, seeds) in DECODERS.items() if name != "message" for seed in seeds
    )


def huge_lengths() -> list[bytes]:
    """Return payloads that announce 2^32 - 1 of everything."""
    e = msgspec.msgpack.encode
    head = b"\x88" + b"".join(
        e(k) + e(v) for k, v in {"v": 1, "type": "Image", "source": "", "seq": 0, "host": "", "count": 1}.items()
    )
    most = b"\xff\xff\xff\xff"
    return [
        head + e("body") + b"\x80" + e("arrays") + b"\xdd" + most,
        head + e("body") + b"\xdf" + most,
        head + e("body") + b"\x80" + e("arrays") + b"\x91\x82" + e("dtype") + e("|u1") + e("shape") + b"\xdd" + most,
        b"\x82" + e("type") + e("Ack") + e("numbers") + b"\xdf" + most,
        b"\x82" + e("type") + e("Hello") + e("wants") + b"\xdd" + most,
        b"\xdd" + most,
        b"\xdf" + most,
        b"\xdb" + most,
        b"\xc6" + most,
        b"\x91" * 100_000,
    ]
