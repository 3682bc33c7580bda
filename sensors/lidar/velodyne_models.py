"""Velodyne's sensors by name: which are decoded here, and which by the package velodyne-decoder.

The VLP-16 is decoded here (``velodyne.py``) and needs no package. The other sensors have their own firing orders, and
some a calibration of each specimen; velodyne-decoder knows them all and was checked by its author against the maker's
own viewer. On the VLP-16 both agree, but for one thing: it adds the few millimetres by which the lasers sit above each
other, which the maker's newer manual lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import PointCloud
from selfcue.optional import require
from selfcue.sensors.lidar import velodyne

VLP16 = "VLP-16"
OF_PRODUCT = {0x21: "HDL-32E", 0x22: VLP16, 0x24: "Puck-Hi-Res", 0x28: "VLP-32C", 0xA1: "VLS-128"}
"""Names by the product number that packets carry; an HDL-64E's carry none."""
_IN_LIBRARY = {
    VLP16: "VLP16",
    "Puck-Hi-Res": "PuckHiRes",
    "HDL-32E": "HDL32E",
    "VLP-32C": "VLP32C",
    "VLS-128": "VLS128",
    "HDL-64E-S2": "HDL64E_S2",
    "HDL-64E-S3": "HDL64E_S3",
}
MODELS = tuple(_IN_LIBRARY)


@dataclass(frozen=True)
class Piece:
    """One packet of a turn: its bytes, when it was sent [us] and where its first block looks [degree, never less]."""

    data: bytes
    sent_us: int
    azimuth_deg: float


class TurnDecoder(Protocol):
    """Makes the points of one turn."""

    cuts: bool
    """A packet that lies on both sides of a turn's end is in both turns, and its points are told apart."""

    def cloud(self, pieces: list[Piece], turn: int, frame_id: str) -> PointCloud:
        """Return the points of turn number ``turn``, stamped with its first packet by the sensor's clock."""
        ...


class Vlp16Decoder:
    """Our own."""

    cuts = True

    def cloud(self, pieces: list[Piece], turn: int, frame_id: str) -> PointCloud:
        parts = []
        for piece in pieces:
            found = velodyne.decode(piece.data)
            begun = piece.azimuth_deg // 360.0
            parts.append(velodyne.choose(found, begun + found.azimuth // 360.0 == turn))
        first_us = pieces[0].sent_us
        begun_us = [float(piece.sent_us - first_us) for piece in pieces]
        return velodyne.cloud(parts, first_us * 1000, frame_id, begun_us=begun_us)


class LibraryDecoder:
    """The package's. A packet is in the turn that it begins in.

    Args:
        model: one of ``MODELS``.
        calibration: of the specimen (YAML, as ROS's driver has it); an HDL-64E needs one.

    Raises:
        MissingDependencyError: velodyne-decoder is not installed.
        BadInputError: no such model, or its calibration is missing or cannot be read.
    """

    cuts = False

    def __init__(self, model: str, calibration: str = "") -> None:
        library: Any = require("velodyne_decoder", extra="lidar")
        if model not in _IN_LIBRARY:
            raise BadInputError(f"Velodyne model {model!r} is not known; known: {', '.join(MODELS)}")
        if model.startswith("HDL-64E") and not calibration:
            raise BadInputError(f"a {model} is decoded with its own calibration; give its YAML file")
        settings: dict[str, Any] = {"model": getattr(library.Model, _IN_LIBRARY[model]), "timestamp_first_packet": True}
        if calibration:
            if not Path(calibration).is_file():
                raise BadInputError(f"{calibration}: no such calibration of a {model}")
            try:
                settings["calibration"] = library.Calibration.read(calibration)
            except Exception as error:
                raise BadInputError(f"{calibration}: cannot be read as calibration of a {model} ({error})") from error
        # Nothing is left out by range or angle: filters of ours do that where it is wanted.
        self._library = library
        self._scans = library.ScanDecoder(library.Config(**settings, min_range=0.0, max_range=1000.0))

    def cloud(self, pieces: list[Piece], turn: int, frame_id: str) -> PointCloud:  # noqa: ARG002 - cut by packets
        packets = self._library.PacketVector(
            [self._library.VelodynePacket(piece.sent_us * 1e-6, piece.data) for piece in pieces]
        )
        _, found = self._scans.decode(packets, as_pcl_structs=True)
        return PointCloud(
            stamp_ns=pieces[0].sent_us * 1000,
            frame_id=frame_id,
            points=np.stack([found[axis] for axis in "xyz"], axis=1).astype(np.float32),
            intensity=found["intensity"].astype(np.float32),
            time_s=found["time"].astype(np.float32),
            ring=found["ring"].astype(np.uint16),
        )


def packets_cloud(packets: list[bytes], stamp_ns: int, frame_id: str = velodyne.FRAME, source: str = "") -> PointCloud:
    """Return the points of packets that were put together by somebody else (``velodyne_msgs/VelodyneScan``), in order.

    Raises:
        BadInputError: see ``velodyne.decode`` and ``model_of``.
        MissingDependencyError: see ``LibraryDecoder``.
    """
    model = model_of(packets[0]) if packets and len(packets[0]) == velodyne.PACKET_BYTES else VLP16
    begun_us = velodyne.after_us(packets)
    if model == VLP16:
        return velodyne.cloud([velodyne.decode(one) for one in packets], stamp_ns, frame_id, source, begun_us)
    pieces = [Piece(one, round(begun), 0.0) for one, begun in zip(packets, begun_us, strict=True)]
    cloud = LibraryDecoder(model).cloud(pieces, 0, frame_id)
    return msgspec.structs.replace(cloud, stamp_ns=stamp_ns, source=source)


def turn_decoder(model: str, calibration: str = "") -> TurnDecoder:
    """Return the decoder for a model. Raises as ``LibraryDecoder``."""
    return Vlp16Decoder() if model == VLP16 else LibraryDecoder(model, calibration)


def model_of(data: bytes) -> str:
    """Return the name of the model that sent a packet.

    Raises:
        BadInputError: it does not say, or it is one that is not known.
    """
    product = data[velodyne.PACKET_BYTES - 1]
    if product not in OF_PRODUCT:
        raise BadInputError(
            f"a Velodyne packet with product number {product:#x}, which says nothing; name the model, one of "
            f"{', '.join(MODELS)}"
        )
    return OF_PRODUCT[product]
