"""The audio node: plug in a microphone (or name a sound file), get sound on the bus."""

from __future__ import annotations

from dataclasses import dataclass, field

from selfcue.measurements import Audio
from selfcue.node import Link
from selfcue.sensors.audio.block import SoundBlock
from selfcue.sensors.audio.microphone import Microphone, MicrophoneConfig
from selfcue.sensors.audio.sound_file import SoundFile, SoundFileConfig
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.driver import Driver
from selfcue.sensors.sensor_node import SensorNode


@dataclass(frozen=True)
class AudioParams:
    """Settings of the audio node.

    Attributes:
        microphone: which one, and what to ask it for.
        file: a sound file that is played in its place.
        topic: where the sound goes.
        frame_id: coordinate frame of the microphone.
        connection: how a microphone that goes away is dealt with.
    """

    microphone: MicrophoneConfig = field(default_factory=MicrophoneConfig)
    file: SoundFileConfig | None = None
    topic: str = "audio"
    frame_id: str = "microphone_link"
    connection: ConnectionConfig = field(default_factory=ConnectionConfig)

    def __post_init__(self) -> None:
        if not self.topic:
            raise ValueError("topic is empty; name one, for instance audio")


class AudioNode(SensorNode[SoundBlock]):
    """Publish what a microphone hears: ``TOPIC`` (Audio, stamped by its first sample) and ``TOPIC/device``.

    Lost samples leave a gap between the end of one block and the stamp of the next, and are written in the node's log.
    """

    Params = AudioParams
    params: AudioParams

    KEEP = 64

    def driver(self) -> Driver[SoundBlock]:
        return Microphone(self.params.microphone) if self.params.file is None else SoundFile(self.params.file)

    def advertise(self, link: Link) -> None:
        block_ms = self.params.microphone.block_ms if self.params.file is None else self.params.file.block_ms
        self._sound = link.advertise(self.params.topic, Audio, rate_hz=1e3 / block_ms)

    def publish(self, value: SoundBlock, stamp_ns: int) -> None:
        if value.lost_samples:
            lost_ms = 1e3 * value.lost_samples / value.rate_hz
            self.log.warning("lost samples=%d lost_ms=%.1f", value.lost_samples, lost_ms)
        self._sound.publish(
            Audio(
                stamp_ns=stamp_ns,
                frame_id=self.params.frame_id,
                sample_rate_hz=value.rate_hz,
                samples=value.samples,
            )
        )
