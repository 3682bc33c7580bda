"""Trust in sound with the vehicle's speed known: what a standing and a moving vehicle must hear differs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from selfcue.messages import Odometry
from selfcue.node import Link
from selfcue.sensors.audio.level_watches import SilenceWatch
from selfcue.sensors.trust_node import TrustNode, TrustParams


@dataclass(frozen=True)
class SoundTrustParams(TrustParams):
    """Settings of the sound trust node: those of the trust node, and where the speed comes from.

    Attributes:
        sensor, topic, cue: see ``TrustParams``.
        odometry: topic that tells the vehicle's speed.
    """

    sensor: str = "audio"
    topic: str = "audio"
    cue: str = "sound"
    odometry: str = "odom"


class SoundTrustNode(TrustNode):
    """Topics in: ``topic`` (Audio), ``odometry`` (Odometry). Out: ``trust/CUE`` (Trust).

    As ``sensor_trust`` for sound, and besides: silence at the noise floor while moving, and noise while standing.
    """

    Params = SoundTrustParams
    params: SoundTrustParams

    def configure(self, link: Link) -> None:
        super().configure(link)
        link.subscribe(self.params.odometry, Odometry, self._drive, keep=8)

    def _drive(self, odometry: Odometry) -> None:
        for watch in self._watches:
            if isinstance(watch, SilenceWatch):  # all of them share its motion
                watch.motion.say(odometry.stamp_ns, math.hypot(*odometry.linear_velocity))
