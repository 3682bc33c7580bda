"""The wire format: what goes in comes out, any msgpack reads it, and no frame of a stranger harms the receiver."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from selfcue import codec
from selfcue.errors import BadInputError
from selfcue.messages import MESSAGE_TYPES, CameraInfo, Estimate, Image, Imu, JournalEvent, Message


def round_trip(message: Message) -> Message:
    header, *arrays = codec.encode(message, host="h", count=7)
    return codec.decode(codec.decode_envelope(header), [bytes(frame) for frame in arrays])


def an_image() -> Image:
    data = np.random.default_rng(0).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    return Image(stamp_ns=5, frame_id="cam", seq=3, source="node", encoding="rgb8", data=data)


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)), st.integers(0, 2**62))
def test_an_estimate_comes_back_bit_for_bit(value: np.ndarray, stamp_ns: int) -> None:
    sent = Estimate(
        stamp_ns=stamp_ns, cue="student", quantity="inverse_depth_per_m", value=value, lower=value, upper=value,
        valid=np.isfinite(value), confidence=0.5,
    )  # fmt: skip
    back = round_trip(sent)
    assert isinstance(back, Estimate)
    assert back.value.tobytes() == value.tobytes()
    assert back.valid.dtype == bool
    assert back.stamp_ns == stamp_ns


def test_arrays_come_back_read_only_and_without_a_copy() -> None:
    header, buffer = codec.encode(an_image(), host="h", count=1)
    held = bytes(buffer)
    back = codec.decode(codec.decode_envelope(header), [held])
    assert isinstance(back, Image)
    assert np.shares_memory(back.data, np.frombuffer(held, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        back.data[0, 0, 0] = 1


def test_any_msgpack_reads_the_header() -> None:
    header, _ = codec.encode(an_image(), host="h", count=7)
    plain = msgspec.msgpack.decode(header)
    assert plain["type"] == "Image"
    assert plain["count"] == 7
    assert plain["body"]["frame_id"] == "cam"
    assert plain["body"]["data"] == {"__array__": 0}
    assert plain["arrays"] == [{"dtype": "|u1", "shape": [4, 5, 3]}]


def test_every_message_type_is_registered() -> None:
    assert set(MESSAGE_TYPES) == {cls.__name__ for cls in Message.__subclasses__()}


@settings(max_examples=300)
@given(st.binary(max_size=200), st.lists(st.binary(max_size=50), max_size=3))
def test_random_bytes_are_refused_with_one_kind_of_error(header: bytes, buffers: list[bytes]) -> None:
    with pytest.raises(BadInputError):
        codec.decode(codec.decode_envelope(header), buffers)


@settings(max_examples=500)
@given(st.data())
def test_a_mutated_message_decodes_or_is_refused(data: st.DataObject) -> None:
    frames = [bytearray(frame) for frame in codec.encode(an_image(), host="h", count=1)]
    frame = frames[data.draw(st.integers(0, 1))]
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        back = codec.decode(codec.decode_envelope(frames[0]), frames[1:])
    except BadInputError:
        return
    assert isinstance(back, Message)


def test_a_frame_that_does_not_fit_its_description_is_refused() -> None:
    header, buffer = codec.encode(an_image(), host="h", count=1)
    with pytest.raises(BadInputError, match="announces 60 bytes"):
        codec.decode(codec.decode_envelope(header), [bytes(buffer)[:-1]])


def test_a_huge_announcement_allocates_nothing() -> None:
    header, buffer = codec.encode(an_image(), host="h", count=1)
    plain = msgspec.msgpack.decode(header)
    plain["arrays"][0]["shape"] = [2**31, 2**31, 3]
    with pytest.raises(BadInputError, match="announces"):
        codec.decode(codec.decode_envelope(msgspec.msgpack.encode(plain)), [bytes(buffer)])


def test_object_arrays_do_not_travel() -> None:
    odd = np.array([object()])
    bad = Estimate(
        stamp_ns=0, cue="student", quantity="q", value=odd, lower=odd, upper=odd, valid=odd, confidence=0.0
    )  # fmt: skip
    with pytest.raises(BadInputError, match="an array of object, which does not travel"):
        codec.encode(bad, host="h", count=1)


def test_wrong_shape_dtype_and_encoding_say_what_was_expected() -> None:
    with pytest.raises(ValueError, match=r"needs an array \(H, W, 3\) uint8, got \(4, 5\) float64"):
        Image(stamp_ns=0, encoding="rgb8", data=np.zeros((4, 5)))
    with pytest.raises(ValueError, match="'bgr9' is not known; use one of"):
        Image(stamp_ns=0, encoding="bgr9", data=np.zeros((4, 5), np.uint8))
    with pytest.raises(ValueError, match="'k' needs 9 numbers, got 2"):
        CameraInfo(stamp_ns=0, width=4, height=3, k=(1.0, 2.0), p=(0.0,) * 12)


def test_a_wrong_field_type_is_refused() -> None:
    message = Imu(stamp_ns=1, angular_velocity=(0, 0, 1), linear_acceleration=(0, 0, 9.81))
    header = msgspec.msgpack.decode(codec.encode(message, host="h", count=1)[0])
    header["body"]["angular_velocity"] = "fast"
    with pytest.raises(BadInputError, match="angular_velocity"):
        codec.decode(codec.decode_envelope(msgspec.msgpack.encode(header)), [])


def test_a_newer_wire_version_is_named() -> None:
    header = msgspec.msgpack.decode(codec.encode(JournalEvent(stamp_ns=1, kind="x"), host="h", count=1)[0])
    header["v"] = 9
    with pytest.raises(BadInputError, match="version 9"):
        codec.decode_envelope(msgspec.msgpack.encode(header))
