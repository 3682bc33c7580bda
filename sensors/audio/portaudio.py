"""The sound devices that PortAudio knows, and the one library of this process that all microphones share.

PortAudio lists devices once, when it is initialised: what was plugged in later is found by initialising it anew, which
would end every stream. So it is done only while no microphone of this process is open; then the old list serves.
"""

from __future__ import annotations

import atexit
import fnmatch
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.optional import require

_LIBRARY = threading.RLock()
_open_streams: set[int] = set()
_PLACE = re.compile(r"\s*\((hw|plughw):\d+,\d+\)$")


@dataclass(frozen=True)
class InputDevice:
    """A sound device that can record.

    Attributes:
        index: PortAudio's number, which changes with what is plugged in.
        name: as the host system gives it.
        host: sound system that it belongs to (ALSA, JACK, ...).
        channels: most that it gives at once.
        rate_hz: its own rate.
        is_default: what the system takes where nothing is named.
    """

    index: int
    name: str
    host: str
    channels: int
    rate_hz: float
    is_default: bool

    @property
    def steady_name(self) -> str:
        """The name without the card's number, which changes from one plug to another."""
        return _PLACE.sub("", self.name)


def input_devices() -> list[InputDevice]:
    """Return all devices that can record, newly looked for unless a microphone of this process is open.

    Raises:
        MissingDependencyError: sounddevice or PortAudio (Debian: libportaudio2) is not installed, or does not start.
    """
    sounddevice = _library()
    with _LIBRARY:
        try:
            if not _open_streams:
                sounddevice._terminate()
                sounddevice._initialize()
            hosts = [host["name"] for host in sounddevice.query_hostapis()]
            found = sounddevice.query_devices()
            default = sounddevice.default.device[0]
        except sounddevice.PortAudioError as error:
            raise MissingDependencyError(f"PortAudio does not start: {error}; is a sound system running?") from error
        return [
            InputDevice(
                index=number,
                name=str(one["name"]),
                host=hosts[one["hostapi"]],
                channels=int(one["max_input_channels"]),
                rate_hz=float(one["default_samplerate"]),
                is_default=number == default,
            )
            for number, one in enumerate(found)
            if one["max_input_channels"] > 0
        ]


def _library() -> Any:
    """Return sounddevice, told to leave PortAudio alone at the end of the process where a stream of it hangs.

    sounddevice ends PortAudio when Python ends, which closes every stream; with one that hangs in a dead sound server
    the process would never end.
    """
    sounddevice = require("sounddevice", extra="audio")
    atexit.unregister(sounddevice._exit_handler)
    atexit.unregister(_end)
    atexit.register(_end, sounddevice)
    return sounddevice


def _end(sounddevice: Any) -> None:
    if not _open_streams:
        sounddevice._exit_handler()


def choose(devices: Sequence[InputDevice], source: str) -> InputDevice:
    """Return the device that ``source`` means.

    Args:
        devices: what is there.
        source: empty or ``default`` for the system's default; a number; a name, a part of one, or a pattern with
            ``*`` and ``?``. Capitals do not matter; a whole name goes before a part.

    Raises:
        MissingDependencyError: nothing fits; the message lists what is there.
        BadInputError: several devices fit.
    """
    names = "; ".join(f"{device.index}: {device.name}" for device in devices) or "none"
    if not devices:
        raise MissingDependencyError("no microphone is plugged in, or the sound system shows none; see arecord -l")
    if source.casefold() in ("", "default") and not any(device.name.casefold() == "default" for device in devices):
        source = ""
    if not source:
        return next((device for device in devices if device.is_default), devices[0])
    if source.isdigit():
        fits = [device for device in devices if device.index == int(source)]
    else:
        wanted = source.casefold()
        pattern = wanted if any(mark in wanted for mark in "*?") else f"*{_literal(wanted)}*"
        whole = [device for device in devices if wanted in (device.name.casefold(), device.steady_name.casefold())]
        fits = whole or [device for device in devices if fnmatch.fnmatchcase(device.name.casefold(), pattern)]
    if not fits:
        raise MissingDependencyError(f"no microphone {source!r} is plugged in; there are: {names}")
    if len(fits) > 1 and len({device.host for device in fits}) == 1:
        raise BadInputError(
            f"microphone {source!r} fits {len(fits)} devices ({', '.join(device.name for device in fits)}); "
            "write more of the name, or the number"
        )
    return fits[0]  # the same device under several sound systems: the first is the system's own choice


def open_stream(device: InputDevice, **settings: Any) -> Any:
    """Return a started input stream of ``device`` for blocking reads; ``close_stream`` gives it back.

    Raises:
        BadInputError: the device cannot record so (rate, channels, format).
        MissingDependencyError: it is busy or does not start.
    """
    sounddevice = _library()
    with _LIBRARY:
        stream = None
        try:
            stream = sounddevice.InputStream(device=device.index, **settings)
            stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            if stream is not None:
                stream.close(ignore_errors=True)
            text = f"microphone {device.name}: {error}"
            if any(word in str(error) for word in ("sample rate", "channels", "ample format")):
                asked = f"{settings.get('channels')} channels at {settings.get('samplerate')} Hz"
                raise BadInputError(f"{text}; asked for {asked}, its own rate is {device.rate_hz:g} Hz") from error
            raise MissingDependencyError(f"{text}; is another program using it?") from error
        _open_streams.add(id(stream))
        return stream


def close_stream(stream: Any) -> None:
    """Close a stream of ``open_stream``, dead or alive."""
    with _LIBRARY:
        try:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)
        finally:
            _open_streams.discard(id(stream))


def _literal(text: str) -> str:
    """Return ``text`` so that it stands for itself in a pattern."""
    return re.sub(r"([\[\]])", r"[\1]", text)
