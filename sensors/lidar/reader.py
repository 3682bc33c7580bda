"""Network captures of LiDARs as a source of messages: Ouster with its metadata beside, Velodyne."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import Imu, PointCloud
from selfcue.record.entry import TopicInfo
from selfcue.sensors.lidar import velodyne
from selfcue.sensors.lidar.ouster import OusterScans
from selfcue.sensors.lidar.ouster_metadata import OusterMetadata, beside, read_metadata
from selfcue.sensors.lidar.ouster_packet import IMU_BYTES, OusterFormat, decode_imu
from selfcue.sensors.lidar.pcap import Capture, Datagram, is_pcap
from selfcue.sensors.lidar.velodyne_models import VLP16, model_of, packets_cloud
from selfcue.sensors.streams import Stream, StreamReader

POINTS, SECOND, IMU = "lidar/points", "lidar/points/second", "lidar/imu"


@dataclass
class _Scan:
    """Packets of one turn: their places in the list of all, and (Velodyne) the turn that each begins in."""

    stamp_ns: int  # of its first packet (Velodyne)
    number: int
    packets: list[int] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)


class LidarPcapReader(StreamReader):
    """A capture of one sensor's UDP packets, classic pcap.

    Ouster: the sensor's JSON lies beside the capture, under its name or the beginning of it (``turn_3.pcap`` and
    ``turn.json``). Topics ``lidar/points`` (PointCloud, one a turn, in the sensor's frame, stamped with its first
    column), ``lidar/points/second`` (the second returns, where the sensor sends two) and ``lidar/imu`` (Imu).

    Velodyne: ``lidar/points``, one a turn cut at azimuth 0, stamped with the arrival of its first packet. Other models
    than the VLP-16 are decoded by velodyne-decoder, and cut between packets; an HDL-64E, whose packets do not say that
    they are, cannot be read.

    Other UDP packets are counted by port as not convertible. The packets lie in memory, clouds do not.

    Raises:
        BadInputError: no capture, no packets of such a sensor, or no metadata that fits them.
    """

    looks_for: ClassVar[str] = "a .pcap of an Ouster with its .json beside, or of a Velodyne"

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        capture = Capture(self.path)
        self._packets: list[bytes] = []
        self._others: Counter[tuple[int, int]] = Counter()
        metadata = beside(self.path)
        if metadata is not None:
            self.time_base = "the sensor's clock, as its timestamp_mode sets it"
            streams = self._ouster(capture, read_metadata(metadata), metadata)
        else:
            self.time_base = "arrival at the capturing computer, since 1970"
            streams = self._velodyne(capture)
        self.loss = f"the capture was not finished: {capture.torn} torn bytes at its end" if capture.torn else ""
        unknown = {
            f"udp/{port}/{size}": TopicInfo(f"udp/{port}/{size}", "", f"UDP port {port}, {size} bytes", count, ())
            for (port, size), count in self._others.items()
        }
        self._take(streams, unknown)

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Tell whether ``path`` begins as a capture."""
        return is_pcap(path)

    # -- Ouster ----------------------------------------------------------------------------------------------------

    def _ouster(self, capture: Capture, metadata: OusterMetadata, beside: Path) -> list[Stream]:
        scans = OusterScans(metadata)
        layout = scans.format
        found: list[_Scan] = []
        inertial: list[Imu] = []
        for datagram in capture:
            if len(datagram.data) == IMU_BYTES and _is_to(datagram, metadata.imu_port):
                inertial.append(decode_imu(datagram.data))
            elif len(datagram.data) == layout.packet_bytes and _is_to(datagram, metadata.lidar_port):
                frame = layout.frame_of(datagram.data)
                if not found or found[-1].number != frame:
                    found.append(_Scan(0, frame))
                found[-1].packets.append(len(self._packets))
                self._packets.append(datagram.data)
            else:
                self._others[datagram.port, len(datagram.data)] += 1
        if not found:
            sizes = ", ".join(f"{count} of {size} bytes to port {port}" for (port, size), count in self._others.items())
            raise BadInputError(
                f"{self.path}: no packet of {layout.packet_bytes} bytes to port {metadata.lidar_port}, which "
                f"{beside.name} announces; there are {sizes or 'no UDP packets at all'}"
            )

        def cloud(i: int, *, second: bool = False) -> PointCloud:
            return scans.cloud([layout.decode(self._packets[k]) for k in found[i].packets], second=second)

        stamps_ns = np.array([self._first_stamp(layout, one.packets) for one in found], dtype=np.int64)
        streams = [Stream(POINTS, PointCloud, stamps_ns, cloud, f"Ouster {metadata.profile}")]
        if "RANGE2" in layout.decode(self._packets[0]).fields:
            streams.append(
                Stream(SECOND, PointCloud, stamps_ns, lambda i: cloud(i, second=True), "Ouster second returns")
            )
        if inertial:
            times = np.array([imu.stamp_ns for imu in inertial], dtype=np.int64)
            streams.append(Stream(IMU, Imu, times, inertial.__getitem__, "Ouster IMU"))
        return streams

    def _first_stamp(self, layout: OusterFormat, packets: list[int]) -> int:
        """Return the stamp of a turn's first measured column, as ``OusterScans.cloud`` gives it."""
        for place in packets:
            columns = layout.decode(self._packets[place])
            if columns.valid.any():
                return int(columns.stamps_ns[columns.valid].min())
        return layout.first_stamp_ns(self._packets[packets[0]])

    # -- Velodyne --------------------------------------------------------------------------------------------------

    def _velodyne(self, capture: Capture) -> list[Stream]:
        found: dict[int, _Scan] = {}
        turns = velodyne.Turns()
        model = ""
        for datagram in capture:
            if not velodyne.is_packet(datagram.data):
                self._others[datagram.port, len(datagram.data)] += 1
                continue
            try:
                model = model or model_of(datagram.data)
                azimuths = velodyne.azimuths(datagram.data) if model == VLP16 else velodyne.first_azimuth(datagram.data)
            except BadInputError as error:
                raise BadInputError(f"{self.path}: {error}") from error
            begun = turns.of(azimuths)
            # The last block's second firing may lie beyond the block's own azimuth.
            last = begun + int((azimuths[-1] + 1.0) // 360.0) if model == VLP16 else begun
            for turn in range(begun, last + 1):
                scan = found.setdefault(turn, _Scan(datagram.time_ns, turn))
                scan.packets.append(len(self._packets))
                scan.begun.append(begun)
            self._packets.append(datagram.data)
        if not found:
            raise BadInputError(
                f"{self.path}: no packets of a Velodyne in it, and no metadata of an Ouster beside it; put the "
                f"sensor's JSON there as {self.path.with_suffix('.json').name}"
            )
        scans = list(found.values())
        if model == VLP16:
            scans = [scan for scan in scans if any(len(part.range_m) for part in self._parts(scan))]

        def cloud(i: int) -> PointCloud:
            packets = [self._packets[place] for place in scans[i].packets]
            if model != VLP16:
                return packets_cloud(packets, scans[i].stamp_ns)
            begun_us = velodyne.after_us(packets)
            return velodyne.cloud(list(self._parts(scans[i])), scans[i].stamp_ns, begun_us=begun_us)

        stamps_ns = np.array([scan.stamp_ns for scan in scans], dtype=np.int64)
        return [Stream(POINTS, PointCloud, stamps_ns, cloud, f"Velodyne {model}")]

    def _parts(self, scan: _Scan) -> Iterator[velodyne.Returns]:
        for place, begun in zip(scan.packets, scan.begun, strict=True):
            returns = velodyne.decode(self._packets[place])
            turn = begun + (returns.azimuth // 360.0).astype(np.int64)
            yield velodyne.choose(returns, turn == scan.number)


def _is_to(datagram: Datagram, port: int) -> bool:
    return port in (0, datagram.port)
