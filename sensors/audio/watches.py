"""All fault detectors of one microphone or array, as the trust node runs them."""

from __future__ import annotations

from typing import Any

from selfcue.measurements import Audio
from selfcue.sensors.audio.content_watches import HumWatch, VoiceWatch, WindWatch
from selfcue.sensors.audio.delivery_watch import DeliveryWatch
from selfcue.sensors.audio.level_watches import ClippingWatch, SilenceWatch
from selfcue.sensors.audio.motion import Motion
from selfcue.sensors.audio.place_watches import MovedWatch, NoiseWatch
from selfcue.sensors.audio.watch_config import SoundWatchConfig
from selfcue.sensors.trust_node import WatchSet
from selfcue.sensors.watch import Watch


def audio_watches(config: SoundWatchConfig | None = None, motion: Motion | None = None) -> list[Watch[Any]]:
    """Return new detectors of everything that sound alone shows, the gravest first.

    Args:
        config: limits.
        motion: what is known of the vehicle's speed; without it those that need it (``noise``, and silence at the
            noise floor) say nothing.
    """
    config, motion = config or SoundWatchConfig(), motion or Motion()
    silence = SilenceWatch(config, motion=motion)
    ear = silence.ear
    return [
        DeliveryWatch(config),
        silence,
        ClippingWatch(config, ear),
        WindWatch(config, ear),
        VoiceWatch(config, ear),
        HumWatch(config, ear),
        NoiseWatch(config, ear, motion),
        MovedWatch(config, ear),
    ]


WATCHES = WatchSet(Audio, audio_watches)
