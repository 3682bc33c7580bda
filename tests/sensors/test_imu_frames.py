"""Frames of serial units: any cut, any garbage, checksums against published values, clocks and counters that wrap."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.sensors.autopilot import STANDARD_GRAVITY
from selfcue.sensors.imu.checksums import CHECKSUMS, xor8
from selfcue.sensors.imu.frame_samples import FrameSamples, Unwrapped
from selfcue.sensors.imu.frames import BinaryFrames, TextFrames, frames_of
from selfcue.sensors.imu.framing import BinaryFraming, Field, Framing, TextFraming, read_framing

ACCEL = tuple(Field(f"accel_{axis}", "i16", "mg") for axis in "xyz")


@pytest.mark.parametrize(
    ("name", "value"),
    [("crc16_ccitt", 0x29B1), ("crc16_xmodem", 0x31C3), ("crc16_modbus", 0x4B37), ("crc16_x25", 0x906E), ("sum8", 0xDD),
     ("xor", 0x31), ("fletcher8", 0x15DD), ("fletcher16", 0x1EDE)],
)  # fmt: skip
def test_checksums_of_the_catalogues_example(name: str, value: int) -> None:
    assert CHECKSUMS[name][1](b"123456789") == value


@st.composite
def framings(draw: st.DrawFn) -> BinaryFraming:
    name = draw(st.sampled_from(sorted(set(CHECKSUMS) - {"none"})))
    return BinaryFraming(
        sync=draw(st.sampled_from(["aa", "aa 55", "aa aa 01"])),
        fields=(Field("counter", "u16"), Field("", "pad", count=draw(st.integers(1, 3))), *ACCEL),
        order=draw(st.sampled_from(["little", "big"])),
        length=draw(st.sampled_from([0, 40])),
        checksum=name,  # type: ignore[arg-type]
        checksum_from=draw(st.sampled_from([-1, 0])),
        checksum_order=draw(st.sampled_from(["", "big"])),
        end=draw(st.sampled_from(["", "0d 0a"])),
    )


def packed(framing: BinaryFraming, numbers: tuple[int, int, int, int]) -> bytes:
    """Return a frame, put together without the code under test."""
    mark = "<" if framing.order == "little" else ">"
    pad = framing.fields[1].count
    body = struct.pack(f"{mark}H", numbers[0]) + bytes(pad) + struct.pack(f"{mark}hhh", *numbers[1:])
    body = bytes.fromhex(framing.sync) + body
    width, check = CHECKSUMS[framing.checksum]
    end = bytes.fromhex(framing.end)
    if framing.length:
        body = body.ljust(framing.length - width - len(end), b"\0")
    covered = body if framing.checksum_from == 0 else body[len(bytes.fromhex(framing.sync)) :]
    order: Any = framing.checksum_order or framing.order
    return body + check(covered).to_bytes(width, order) + end


NUMBERS = st.tuples(st.integers(0, 65535), *[st.integers(-32768, 32767)] * 3)


@given(framings(), st.lists(NUMBERS, min_size=1, max_size=6), st.lists(st.integers(1, 30), min_size=1))
def test_however_the_bytes_are_cut_the_frames_are_the_same(
    framing: BinaryFraming, sent: list[tuple[int, int, int, int]], cuts: list[int]
) -> None:
    data = b"".join(packed(framing, numbers) for numbers in sent)
    frames = BinaryFrames(framing)
    found: list[Any] = []
    at = i = 0
    while at < len(data):
        size = cuts[i % len(cuts)]
        found += frames.feed(data[at : at + size])
        at, i = at + size, i + 1
    assert found == sent
    assert (frames.skipped_bytes, frames.damaged) == (0, 0)


GARBAGE = st.binary(max_size=20) | st.sampled_from([b"\xaa", b"\xaa\x55", b"\xaa\x55\x00\xaa\x55", b"\x55\xaa\xaa"])


@given(st.lists(st.tuples(GARBAGE, NUMBERS), min_size=2, max_size=6))
def test_every_frame_is_found_between_garbage(parts: list[tuple[bytes, tuple[int, int, int, int]]]) -> None:
    framing = BinaryFraming(
        sync="aa 55", fields=(Field("counter", "u16"), Field("", "pad"), *ACCEL), checksum="crc16_x25"
    )
    data = b"".join(garbage + packed(framing, numbers) for garbage, numbers in parts) + bytes(framing.size)
    frames = BinaryFrames(framing)
    found = frames.feed(data)
    sent = [numbers for _, numbers in parts]
    assert [numbers for numbers in found if numbers in sent] == sent
    if len(found) == len(sent):  # garbage may hold a frame with a right checksum, once in 65536 times
        assert frames.skipped_bytes >= sum(len(garbage) for garbage, _ in parts)


def test_a_damaged_frame_is_counted_and_the_next_one_read() -> None:
    framing = BinaryFraming(sync="aa 55", fields=ACCEL, checksum="sum8")
    whole = b"\xaa\x55" + struct.pack("<hhh", 1, 2, 3) + b"\x06"
    frames = BinaryFrames(framing)
    assert frames.feed(whole[:-1] + b"\x07" + whole) == [(1, 2, 3)]
    assert (frames.damaged, frames.skipped_bytes) == (1, len(whole))


def test_lines_with_checksum_head_and_garbage() -> None:
    accel = (Field(f"accel_{axis}", unit="g") for axis in "xyz")
    fields = (Field("counter", "u8"), *accel, Field(), Field("time", "u32", "ms"))
    framing = TextFraming(fields=fields, head="$PIMU", checksum="nmea")

    def line(words: str) -> bytes:
        return f"${words}*{xor8(words.encode()):02X}\r\n".encode()

    frames = TextFrames(framing)
    good = line("PIMU,255,0.5,-0.25,1,x,4000")
    data = b"1,2,3\r\n$PIMU,2,0." + good + line("GPGGA,1,2,3,4,5,6") + good.replace(b"0.5", b"0.6")
    data += line("PIMU,0,nan,0,1,x,1") + line("PIMU,0,1") + b"y" * 600 + b"\n" + line("PIMU,0,0,0,1.5,x,4010")
    found: list[Any] = []
    for i in range(0, len(data), 11):
        found += frames.feed(data[i : i + 11])
    assert found == [[255, 0.5, -0.25, 1, 4000], [0, 0, 0, 1.5, 4010]]
    assert frames.damaged == 3  # a wrong checksum, no number, too few words
    assert frames.skipped_bytes > 600
    samples = FrameSamples(Framing(text=framing))
    first, second = (samples.reading(numbers, 7) for numbers in found)
    assert first.value.accel == pytest.approx((0.5 * STANDARD_GRAVITY, -0.25 * STANDARD_GRAVITY, STANDARD_GRAVITY))
    assert (second.stamp_ns - first.stamp_ns, second.lost) == (10_000_000, 0)
    assert math.isnan(first.value.gyro[0])


@given(st.binary(max_size=400))
def test_no_bytes_break_a_reader(data: bytes) -> None:
    text = TextFraming(fields=tuple(Field(f"accel_{axis}") for axis in "xyz"), most_bytes=64)
    binary = BinaryFraming(sync="aa", fields=ACCEL, checksum="xor")
    for framing in (Framing(text=text), Framing(binary=binary)):
        frames = frames_of(framing)
        assert len(frames.feed(data)) <= len(data) / 5


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(0, 255))
def test_a_counter_that_wraps_counts_what_was_lost(losses: list[int], start: int) -> None:
    samples = FrameSamples(Framing(binary=BinaryFraming("aa 55", (Field("counter", "u8"), *ACCEL))))
    number = start
    samples.reading((number % 256, 0, 0, 1000), 0)
    for lost in losses:
        number += 1 + lost
        assert samples.reading((number % 256, 0, 0, 1000), 0).lost == lost


@given(st.lists(st.integers(-100, 30_000), max_size=40), st.integers(0, 65_535))
def test_a_clock_that_wraps_goes_on(steps: list[int], start: int) -> None:
    clock, time = Unwrapped(65_536), start
    assert clock.update(start) == start
    for step in steps:
        time += step
        assert clock.update(time % 65_536) == time


def test_units_and_exact_times() -> None:
    fields = (
        Field("time", "u64", "ns"), *(Field(f"accel_{axis}", "i16", "g", scale=1 / 4096) for axis in "xyz"),
        *(Field(f"gyro_{axis}", "i16", "deg/s", scale=0.1) for axis in "xyz"),
        *(Field(f"field_{axis}", "i16", "mgauss") for axis in "xyz"),
        Field("temperature", "i16", "C", scale=1 / 340, offset=36.53),
    )  # fmt: skip
    samples = FrameSamples(Framing(binary=BinaryFraming("aa 55", fields)))
    stamp_ns = 1_700_000_000_123_456_789
    reading = samples.reading((stamp_ns, 0, 0, 4096, 1800, 0, -900, 500, 0, 0, 340), 9)
    assert reading.stamp_ns == stamp_ns
    assert reading.value.accel == pytest.approx((0, 0, STANDARD_GRAVITY))
    assert reading.value.gyro == pytest.approx((math.pi, 0, -math.pi / 2))
    assert reading.value.field == pytest.approx((5e-5, 0, 0))
    assert reading.value.temperature_c == pytest.approx(37.53)
    assert reading.value.arrival_ns == 9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("binary: {sync: zz, fields: []}", "hexadecimal"),
        ("binary: {sync: aa, fields: [{name: accel_x}]}", "without a checksum"),
        ("binary: {sync: aa 55, fields: [{name: accel_x, type: i16}]}", "accel_x, accel_y, accel_z"),
        ("binary: {sync: aa 55, fields: [{name: akcel_x, type: i16}]}", "akcel_x"),
        ("text: {fields: [{name: time}]}", "unit"),
        ("text: {fields: [], heed: x}", "heed"),
        ("text: {fields: [{name: accel_x, unit: kg}]}", "kg"),
        ("{}", "one of binary and text"),
        ("- 1", "no keys"),
    ],
)
def test_a_wrong_description_is_said_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "unit.yaml"
    path.write_text(text)
    with pytest.raises(BadInputError, match=said) as error:
        read_framing(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
