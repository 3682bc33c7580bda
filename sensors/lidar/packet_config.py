"""Settings of LiDARs that send packets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from selfcue.errors import BadInputError
from selfcue.sensors.lidar.pcap_source import PcapSource
from selfcue.sensors.lidar.velodyne_models import MODELS
from selfcue.sensors.packets import PacketSource
from selfcue.sensors.udp_source import UdpSource


@dataclass(frozen=True)
class PacketConfig:
    """What all of them have.

    Attributes:
        source: ``udp://HOST:PORT`` to listen there (``0.0.0.0`` is all of this machine's addresses, a multicast group
            is joined), or the path of a classic .pcap.
        sender: IP address whose packets count; empty: of the first that sends such packets.
        frame_id: coordinate frame of the points; empty: the one that the maker's ROS driver uses.
        least_share: a turn of which less came (0 to 1) is counted and not given.
        rate: of a capture: times the pace at which it was recorded; 0: as fast as it is read.
        first_packet_s: how long opening waits for a packet; 0: not at all.
        silent_after_s: without a packet for so long the sensor is held to be lost.
    """

    source: str
    sender: str = ""
    frame_id: str = ""
    least_share: float = 0.5
    rate: float = 1.0
    first_packet_s: float = 2.0
    silent_after_s: float = 2.0

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError("source is empty; give udp://HOST:PORT or a .pcap file")
        if not 0.0 <= self.least_share <= 1.0 or self.rate < 0 or self.first_packet_s < 0 or self.silent_after_s <= 0:
            raise ValueError(
                f"least_share {self.least_share} must lie in 0 to 1, rate {self.rate} and first_packet_s "
                f"{self.first_packet_s} not below 0, silent_after_s {self.silent_after_s} above"
            )


@dataclass(frozen=True)
class OusterConfig(PacketConfig):
    """An Ouster.

    Attributes:
        metadata: the sensor's JSON: a file, or ``http://SENSOR`` to ask the sensor itself; of a capture it may be left
            out where it lies beside.
    """

    metadata: str = ""


@dataclass(frozen=True)
class VelodyneConfig(PacketConfig):
    """A Velodyne.

    Attributes:
        model: ``auto`` takes what its packets say; an HDL-64E's say nothing.
        calibration: of an HDL-64E: its YAML, as ROS's driver has it.
    """

    model: str = "auto"
    calibration: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model != "auto" and self.model not in MODELS:
            raise ValueError(f"model {self.model!r} is not known; known: auto, {', '.join(MODELS)}")


C = TypeVar("C")


def from_text(kind: type[C], text: str) -> C:
    """Return the settings that ``SOURCE?NAME=VALUE&NAME=VALUE`` says, for the command line.

    Raises:
        BadInputError: a name or value that cannot be, or no source.
    """
    source, _, options = text.partition("?")
    known = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, str | float] = {"source": source}
    for name, value in parse_qsl(options, keep_blank_values=True):
        if name not in known or name == "source":
            others = ", ".join(sorted(set(known) - {"source"}))
            raise BadInputError(f"{text!r}: {name!r} is no setting; there are: {others}")
        try:
            values[name] = {"float": float, "int": int}.get(str(known[name]), str)(value)
        except ValueError:
            raise BadInputError(f"{text!r}: {name} is {value!r}, which is no number") from None
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        raise BadInputError(f"{text!r}: {error}") from error


def packet_source(config: PacketConfig) -> PacketSource:
    """Return where the packets of ``config`` come from; no work.

    Raises:
        BadInputError: ``source`` is neither an address nor a file.
    """
    if "://" not in config.source:
        return PcapSource(Path(config.source), config.rate)
    try:
        parts = urlsplit(config.source)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if config.source.partition("://")[0] != "udp" or not host or port is None:
        raise BadInputError(f"{config.source!r} is no address; write it as udp://0.0.0.0:7502, or give a .pcap file")
    return UdpSource(host, port)
