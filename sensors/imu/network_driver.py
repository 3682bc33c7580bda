"""Phones and wearables over the network: many devices behind one port, which join and leave as they like."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.sensors.driver import Domain, Reading
from selfcue.sensors.imu.imu_driver import ImuDriver, options_of, whole
from selfcue.sensors.imu.network_device import NetworkDevice
from selfcue.sensors.imu.network_message import RefusedError, read_key, read_message
from selfcue.sensors.imu.sample import ImuSample
from selfcue.sensors.udp_source import UdpSource

_RESERVED = "device"  # TOPIC/device is the status of the port


@dataclass(frozen=True)
class NetworkImuConfig:
    """Settings of the port.

    Attributes:
        host: this machine's address to listen on. Another than a loopback address needs a key.
        port: UDP port; 0 takes any that is free.
        key_file: file with the key that messages are signed with, 64 hexadecimal digits; empty: they are not signed.
        device: the one id to listen to; empty: all, each on a
            topic of its own.
        most_devices: that may send at once; others are refused (and counted) until one has left.
        most_hz: samples a second that one device may send.
        leave_s: a device that is silent for so long has left.
    """

    host: str = "127.0.0.1"
    port: int = 7790
    key_file: str = ""
    device: str = ""
    most_devices: int = 16
    most_hz: float = 1000.0
    leave_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0 <= self.port < 1 << 16:
            raise ValueError(f"port {self.port} is not between 0 and 65535")
        if not 1 <= self.most_devices <= 256 or self.most_hz < 1 or self.leave_s <= 0:
            raise ValueError(
                f"most_devices {self.most_devices} lies in 1 to 256, most_hz {self.most_hz} is at least 1 and leave_s "
                f"{self.leave_s} above 0"
            )
        if not self.key_file and not _loopback(self.host):
            raise ValueError(
                f"host {self.host} can be reached from outside: give key_file, so that nobody else can move the robot"
            )


class NetworkImu(ImuDriver):
    """Gives the samples of all devices; ``ImuSample.device`` says whose, ``measured_ns`` when."""

    domain: Domain = "arrival"
    Config = NetworkImuConfig

    def __init__(self, config: NetworkImuConfig) -> None:
        self.config = config
        self._source = UdpSource(config.host, config.port, buffer_bytes=1 << 20)
        self._key = b""
        self._open = False
        self._devices: dict[str, NetworkDevice] = {}
        self.refused: Counter[str] = Counter()

    @classmethod
    def from_source(cls, source: str) -> NetworkImu:
        plain, options = options_of(source, ("key", "device"))
        host, colon, port = plain.rpartition(":")
        if not colon:
            raise BadInputError(f"{source!r} is not HOST:PORT, for instance 127.0.0.1:7790")
        try:
            config = NetworkImuConfig(
                host, whole(port, "port"), options.get("key", ""), device=options.get("device", "")
            )
        except ValueError as error:
            raise BadInputError(f"{source!r}: {error}") from error
        return cls(config)

    @property
    def name(self) -> str:
        return f"imu udp {self.config.host}:{self._source.port}"

    @property
    def port(self) -> int:
        """On which it listens, also where the settings said 0."""
        return self._source.port

    @property
    def devices(self) -> tuple[str, ...]:
        """Those that send now."""
        return tuple(self._devices)

    def open(self) -> None:
        self._key = read_key(Path(self.config.key_file)) if self.config.key_file else b""
        self._source.open()
        self._open = True

    def read(self, timeout_s: float) -> Sequence[Reading[ImuSample]]:
        if not self._open:
            raise MissingDependencyError(f"{self.name}: read before it was opened; call open() first")
        found: list[Reading[ImuSample]] = []
        for packet in self._source.receive(timeout_s):
            try:
                found += self._take(packet.data, packet.arrived_ns)
            except RefusedError as error:
                self.refused[str(error).partition(":")[0]] += 1
        return found

    def _take(self, data: bytes, arrived_ns: int) -> list[Reading[ImuSample]]:
        message = read_message(data, self._key)
        if message.id == _RESERVED or (self.config.device and message.id != self.config.device):
            raise RefusedError("another device")
        device = self._devices.get(message.id)
        if device is None or arrived_ns - device.heard_ns > self.config.leave_s * 1e9:
            self._forget_silent(arrived_ns)
            if len(self._devices) >= self.config.most_devices:
                raise RefusedError("too many devices")
            device = NetworkDevice(self.config.most_hz, arrived_ns)
            found = device.readings_of(message, arrived_ns)
            self._devices[message.id] = device
            return found
        return device.readings_of(message, arrived_ns)

    def _forget_silent(self, now_ns: int) -> None:
        limit_ns = now_ns - self.config.leave_s * 1e9
        self._devices = {name: one for name, one in self._devices.items() if one.heard_ns >= limit_ns}

    def close(self) -> None:
        self._source.close()

    def describe(self) -> dict[str, Any]:
        return {
            "address": f"{self.config.host}:{self._source.port}",
            "signed": bool(self._key),
            "devices": ", ".join(self._devices) or "none yet",
            "refused": ", ".join(f"{count} {why}" for why, count in sorted(self.refused.items())) or "none",
        }


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
