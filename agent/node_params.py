"""Settings of the flight agent's node."""

from __future__ import annotations

from dataclasses import dataclass, field

from selfcue.agent.drive_config import DriveConfig
from selfcue.agent.flight_config import FlightConfig
from selfcue.agent.sight import SightConfig


@dataclass(frozen=True)
class FlightAgentParams(FlightConfig):
    """Who flies when (``FlightConfig``, its fields stand here directly), and how.

    Attributes:
        seed: of every random choice.
        drive: speeds and distances.
        sight: how estimates become obstacle scores.
        fresh_s: estimates and poses older than this count as gone.
        status_fresh_s: the same for the engine's status.
        look_round_rad_s: yaw rate in HOLD while the student does not know what it sees.
        land_speed_m_s: speed of descent in LAND.
        status_every_s: how often ``agent/status`` goes out when nothing changes.
        frame_id: body frame of the wish.
    """

    seed: int = 0
    drive: DriveConfig = field(default_factory=DriveConfig)
    sight: SightConfig = field(default_factory=SightConfig)
    fresh_s: float = 0.5
    status_fresh_s: float = 5.0
    look_round_rad_s: float = 0.5
    land_speed_m_s: float = 0.2
    status_every_s: float = 0.5
    frame_id: str = "base_link"
