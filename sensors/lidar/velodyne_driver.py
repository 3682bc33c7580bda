"""Velodyne sensors: the driver."""

from __future__ import annotations

from typing import Any

from selfcue.sensors.lidar.packet_config import VelodyneConfig
from selfcue.sensors.lidar.packet_driver import PacketLidar
from selfcue.sensors.lidar.turns import TurnMaker
from selfcue.sensors.lidar.velodyne import FRAME
from selfcue.sensors.lidar.velodyne_turns import VelodyneTurns


class VelodyneLidar(PacketLidar[VelodyneConfig]):
    """A Velodyne: turns cut where it looks straight ahead, stamped by their first packet."""

    Config = VelodyneConfig

    def _make(self) -> TurnMaker:
        config = self.config
        turns = VelodyneTurns(
            config.model, config.calibration, config.frame_id or FRAME, least_share=config.least_share
        )
        turns.prepare()
        return turns

    def describe(self) -> dict[str, Any]:
        found = self._maker
        model = found.model if isinstance(found, VelodyneTurns) else ""
        return {"model": model, "turn_hz": round(self.asked_hz, 3), **super().describe()}
