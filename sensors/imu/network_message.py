"""What phones and wearables send: one JSON or msgpack map per datagram. docs/sensors_imu.md describes it for senders.

Whatever comes from a network is hostile until it has passed here: sizes, types, ranges, order, and a signature where a
key is set.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import stat
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from selfcue.errors import BadInputError
from selfcue.messages import Vector3

TAG_BYTES = 16
MOST_BYTES = 8192
MOST_SAMPLES = 64
_MOST_ACCEL, _MOST_GYRO, _MOST_FIELD_UT = 4000.0, 200.0, 1e5
_WHOLE = 1 << 53
"""Whole numbers that JSON carries exactly everywhere."""

Three: TypeAlias = tuple[float, float, float]
Several: TypeAlias = Annotated[tuple[Three, ...], Meta(max_length=MOST_SAMPLES)]
Whole: TypeAlias = Annotated[int, Meta(ge=0, lt=_WHOLE)]


class NetworkMessage(msgspec.Struct, frozen=True):
    """Samples of one device, one after another.

    Attributes:
        id: names the device: 1 to 32 letters, digits, ``-``, ``_``.
        seq: number of the first sample; it counts samples, so that what was lost is known.
        t_us: when each was measured, by any clock of the device that only goes forward [microseconds].
        acc: specific force of each [m/s^2].
        gyro: angular velocity of each [rad/s], or nothing.
        mag_ut: magnetic field of each [microtesla], or nothing.
        temp_c: of the device.
        boot: grows with every start of the sender (its start in seconds since 1970 will do), so that a device that
            begins again at ``seq`` 0 is told from an old message.
    """

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
    seq: Whole
    t_us: Annotated[tuple[Whole, ...], Meta(min_length=1, max_length=MOST_SAMPLES)]
    acc: Several
    gyro: Several = ()
    mag_ut: Several = ()
    temp_c: float | None = None
    boot: Whole = 0

    def __post_init__(self) -> None:
        count = len(self.t_us)
        if len(self.acc) != count or len(self.gyro) not in (0, count) or len(self.mag_ut) not in (0, count):
            raise ValueError("acc, gyro and mag_ut hold as many samples as t_us (gyro and mag_ut: or none)")
        if any(later <= earlier for earlier, later in zip(self.t_us, self.t_us[1:], strict=False)):
            raise ValueError("t_us does not rise")
        for values, most in ((self.acc, _MOST_ACCEL), (self.gyro, _MOST_GYRO), (self.mag_ut, _MOST_FIELD_UT)):
            if not all(-most <= value <= most for three in values for value in three):  # nor NaN
                raise ValueError(f"a value is not within +-{most:g}")
        if self.temp_c is not None and not -100 <= self.temp_c <= 200:
            raise ValueError("temp_c is not within -100 to 200")

    def field_t(self, i: int) -> Vector3 | None:
        """Return the magnetic field of sample ``i`` [T]; None where it was not sent."""
        if not self.mag_ut:
            return None
        x, y, z = self.mag_ut[i]
        return (x * 1e-6, y * 1e-6, z * 1e-6)

    @property
    def temperature_c(self) -> float:
        return math.nan if self.temp_c is None else self.temp_c


_JSON = msgspec.json.Decoder(NetworkMessage)
_MSGPACK = msgspec.msgpack.Decoder(NetworkMessage)


class RefusedError(ValueError):
    """A message that is not taken; its text is the reason, one of a few."""


def read_message(data: bytes, key: bytes = b"") -> NetworkMessage:
    """Return what a datagram holds.

    Args:
        key: where it is not empty, the first 16 bytes must be the datagram's signature (see ``sign``).

    Raises:
        RefusedError: too long, not signed, or no such message.
    """
    if len(data) > MOST_BYTES:
        raise RefusedError("too long")
    if key:
        if not hmac.compare_digest(data[:TAG_BYTES], _tag(data[TAG_BYTES:], key)):
            raise RefusedError("not signed with our key")
        data = data[TAG_BYTES:]
    decoder = _JSON if data[:1] == b"{" else _MSGPACK
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(f"no such message: {str(error)[:120]}") from error


def sign(body: bytes, key: bytes) -> bytes:
    """Return a datagram of ``body``: the first 16 bytes of its HMAC-SHA256, then itself."""
    return _tag(body, key) + body


def _tag(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:TAG_BYTES]


def read_key(path: Path) -> bytes:
    """Return the key in a file of 64 hexadecimal digits.

    Raises:
        BadInputError: it is missing, others may read it, or it is no key.
    """
    make = f"make one with: (umask 077; openssl rand -hex 32 > {path})"
    try:
        mode = path.stat().st_mode
        text = path.read_text(errors="replace")[:200].strip()
    except OSError as error:
        raise BadInputError(f"{path}: the key cannot be read ({error.strerror}); {make}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise BadInputError(f"{path}: others may read the key; run: chmod 600 {path}")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise BadInputError(f"{path}: holds no key of 64 hexadecimal digits; {make}")
    return key
