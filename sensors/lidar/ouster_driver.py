"""Ouster sensors: the driver."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.sensors.lidar.ouster import FRAME
from selfcue.sensors.lidar.ouster_metadata import OusterMetadata, beside, metadata_of, read_metadata
from selfcue.sensors.lidar.ouster_turns import OusterTurns
from selfcue.sensors.lidar.packet_config import OusterConfig
from selfcue.sensors.lidar.packet_driver import PacketLidar
from selfcue.sensors.lidar.turns import TurnMaker

_PATH = "/api/v1/sensor/metadata"
_ASK_S = 3.0
_MOST_BYTES = 1 << 20


class OusterLidar(PacketLidar[OusterConfig]):
    """An Ouster: turns of 512 to 4096 columns, stamped by its first column."""

    Config = OusterConfig
    _metadata: OusterMetadata | None = None

    def _make(self) -> TurnMaker:
        metadata = self._metadata = self._find_metadata()
        return OusterTurns(metadata, self.config.frame_id or FRAME, least_share=self.config.least_share)

    def _find_metadata(self) -> OusterMetadata:
        where = self.config.metadata
        if where.startswith(("http://", "https://")):
            return metadata_of(_ask(where), where)
        if where:
            return read_metadata(Path(where))
        found = beside(Path(self.config.source)) if "://" not in self.config.source else None
        if found is None:
            raise BadInputError(
                f"{self.name}: an Ouster's packets are decoded with its metadata; give a JSON file, or http://SENSOR "
                "to ask the sensor"
            )
        return read_metadata(found)

    def describe(self) -> dict[str, Any]:
        known = self._metadata
        mode = {} if known is None else {"product": known.product, "profile": known.profile, "beams": known.beams}
        return {**mode, **super().describe()}


def _ask(address: str) -> Any:
    """Return what the sensor at ``http://SENSOR`` says of itself. Raises MissingDependencyError where it is silent."""
    url = address if _PATH in address else address.rstrip("/") + _PATH
    try:
        with urllib.request.urlopen(url, timeout=_ASK_S) as answer:  # noqa: S310 - http and https alone come here
            return json.loads(answer.read(_MOST_BYTES))
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise MissingDependencyError(f"{url}: the sensor does not tell its metadata ({error})") from error
