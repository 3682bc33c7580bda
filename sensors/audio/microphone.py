"""A microphone, or an array of them, by PortAudio: blocking reads of what is there, stamped by counting samples."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from selfcue.errors import MissingDependencyError
from selfcue.sensors.audio.block import SampleFormat, SoundBlock, check_pick, picked
from selfcue.sensors.audio.picture import draw_sound
from selfcue.sensors.audio.portaudio import InputDevice, choose, close_stream, input_devices, open_stream
from selfcue.sensors.audio.sample_clock import SampleClock, SampleClockConfig
from selfcue.sensors.driver import Device, DeviceLostError, Domain, Driver, Reading
from selfcue.sensors.guarded import Guarded

_LOOK_S = 0.01  # between two looks at how many samples wait
_MOST_BLOCKS = 64  # in one read


@dataclass(frozen=True)
class MicrophoneConfig:
    """Settings of a microphone.

    Attributes:
        source: empty for the system's default; a number; a name, a part of one, or a pattern (``*array*``).
        rate_hz: samples a second; 0 takes the device's own.
        channels: to open; 0 takes as many as ``pick`` needs, or one.
        pick: numbers of the channels that are kept, from 0, in the order in which they shall come; empty keeps all.
        sample_format: int16, or float32 with full scale 1.
        block_ms: length of the blocks that are given on.
        latency_ms: how much sound PortAudio may hold back; 0 takes the device's own safe value. More survives longer
            pauses of this process.
        first_sample_s: how long the first sample may take to come (network sound takes seconds).
        silent_after_s: a device that gives no sample for so long is gone.
        clock: how blocks are stamped.
    """

    source: str = ""
    rate_hz: int = 0
    channels: int = 0
    pick: tuple[int, ...] = ()
    sample_format: SampleFormat = "int16"
    block_ms: float = 40.0
    latency_ms: float = 0.0
    first_sample_s: float = 5.0
    silent_after_s: float = 1.5
    clock: SampleClockConfig = field(default_factory=SampleClockConfig)

    def __post_init__(self) -> None:
        if self.rate_hz < 0 or self.channels < 0 or self.latency_ms < 0 or any(number < 0 for number in self.pick):
            raise ValueError(
                f"rate_hz {self.rate_hz}, channels {self.channels}, latency_ms {self.latency_ms} and pick {self.pick} "
                "must not be negative"
            )
        if self.pick and 0 < self.channels <= max(self.pick):
            raise ValueError(f"pick names channel {max(self.pick)}, and {self.channels} channels are opened")
        if self.block_ms <= 0 or self.first_sample_s <= 0 or self.silent_after_s <= 0:
            raise ValueError(
                f"block_ms {self.block_ms}, first_sample_s {self.first_sample_s} and silent_after_s "
                f"{self.silent_after_s} must be above 0"
            )

    @property
    def opened_channels(self) -> int:
        """How many channels are asked of the device."""
        return self.channels or (max(self.pick) + 1 if self.pick else 1)


class Microphone(Driver[SoundBlock]):
    """Blocks of sound of one device; ``stamp_ns`` is that of a block's first sample, on the monotonic clock.

    PortAudio's own stream time is of no use for it: by ALSA it is the wall's time, which may be set, and it jitters
    with the driver's periods. What is used of the stream is its count of samples (see ``SampleClock``). A callback is
    not used either: some ALSA plug-ins hang in it.
    """

    kind: ClassVar[str] = "audio"
    domain: Domain = "monotonic"

    def __init__(self, config: MicrophoneConfig | None = None) -> None:
        self.config = config or MicrophoneConfig()
        self.lost_samples = 0
        self._device: InputDevice | None = None
        self._stream: Guarded[Any] = Guarded(close_stream)  # it must not be closed while it is read
        self._rate_hz = 0
        self._block = 0
        self._closed = threading.Event()
        self._lost_before = 0
        self._taken = 0
        self._heard: tuple[int, float] | None = None  # samples that had come when the last one came, and when that was

    @classmethod
    def from_source(cls, source: str) -> Microphone:
        return cls(MicrophoneConfig(source))

    @property
    def name(self) -> str:
        return f"microphone {self._device.name if self._device else self.config.source or '(default)'}"

    @property
    def asked_hz(self) -> float:
        return self._rate_hz / self._block if self._block else 1e3 / self.config.block_ms

    @classmethod
    def find(cls) -> list[Device]:
        try:
            found = input_devices()
        except MissingDependencyError:
            return []
        names = [device.steady_name for device in found]
        return [
            Device(
                kind=cls.kind,
                source=device.steady_name if names.count(device.steady_name) == 1 else device.name,
                label=device.name,
                detail={
                    "host": device.host,
                    "channels": str(device.channels),
                    "rate_hz": f"{device.rate_hz:g}",
                    "default": "yes" if device.is_default else "no",
                },
            )
            for device in found
        ]

    def open(self) -> None:
        config = self.config
        device = choose(input_devices(), config.source)
        check_pick(config.pick, device.channels, f"microphone {device.name}")
        rate_hz = config.rate_hz or round(device.rate_hz)
        stream = open_stream(
            device,
            samplerate=rate_hz,
            channels=config.opened_channels,
            dtype=config.sample_format,
            latency=config.latency_ms * 1e-3 if config.latency_ms else "high",
        )
        self._device, self._rate_hz = device, rate_hz
        self._block = max(1, round(rate_hz * config.block_ms * 1e-3))
        self._clock = SampleClock(rate_hz, config.clock)
        self._stream.put(stream)
        try:
            self._wait_for_sound()
        except BaseException:
            self.close()
            raise

    def _wait_for_sound(self) -> None:
        due_s = time.monotonic() + self.config.first_sample_s
        while not self._waiting():
            if time.monotonic() > due_s or self._closed.wait(_LOOK_S):
                raise MissingDependencyError(
                    f"{self.name} gives no sound: not a sample in {self.config.first_sample_s:g} s; is it muted or "
                    "held by another program?"
                )

    def _waiting(self) -> int:
        """Return how many samples can be read without waiting, and have the clock look at it."""
        with self._stream.use() as stream:
            if stream is None:
                return 0
            try:
                waiting = int(stream.read_available)
            except Exception as error:  # PortAudioError, and what a broken plug-in raises
                raise DeviceLostError(f"{self.name} is gone: {error}") from error
            now_ns = time.monotonic_ns()
            if waiting:
                self._note_lost(self._clock.observe(waiting, now_ns))
            return waiting

    def _note_lost(self, samples: int) -> None:
        self._lost_before += samples
        self.lost_samples += samples

    def read(self, timeout_s: float) -> list[Reading[SoundBlock]]:
        due_s = time.monotonic() + timeout_s
        while not self._closed.is_set():
            waiting, now_s = self._waiting(), time.monotonic()
            if self._heard is None or self._heard[0] != self._taken + waiting:
                self._heard = (self._taken + waiting, now_s)
            if waiting >= self._block:
                return self._take(min(waiting // self._block, _MOST_BLOCKS))
            if now_s - self._heard[1] > self.config.silent_after_s:
                raise DeviceLostError(f"{self.name} is gone: not a sample for {now_s - self._heard[1]:.1f} s")
            if now_s >= due_s:
                break
            missing_s = (self._block - waiting) / self._rate_hz
            self._closed.wait(min(max(missing_s, 0.001), _LOOK_S, max(0.0, due_s - now_s)))
        return []

    def _take(self, blocks: int) -> list[Reading[SoundBlock]]:
        readings: list[Reading[SoundBlock]] = []
        with self._stream.use() as stream:
            for _ in range(blocks):
                if stream is None:
                    break
                try:
                    samples, overrun = stream.read(self._block)
                    if overrun:
                        left = self._block + int(stream.read_available)
                        self._note_lost(self._clock.overrun(left, time.monotonic_ns()))
                except Exception as error:
                    raise DeviceLostError(f"{self.name} is gone: {error}") from error
                self._taken += self._block
                lost, self._lost_before = self._lost_before, 0
                block = SoundBlock(self._rate_hz, picked(samples, self.config.pick), lost)
                stamp_ns = self._clock.stamp(self._block)
                readings.append(Reading(block, stamp_ns, math.ceil(lost / self._block)))
        return readings

    def close(self) -> None:
        self._closed.set()
        self._stream.close()

    def describe(self) -> dict[str, Any]:
        if self._device is None:
            return {}
        return {
            "name": self._device.name,
            "host": self._device.host,
            "rate_hz": self._rate_hz,
            "channels": len(self.config.pick) or self.config.opened_channels,
            "block_samples": self._block,
            "clock_off_ppm": round(self._clock.skew_ppm, 1),
            "lost_samples": self.lost_samples,
        }

    def draw(self, readings: Sequence[Reading[SoundBlock]], axes: Any) -> None:
        draw_sound(readings, axes)
