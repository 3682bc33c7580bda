"""Velodynes that velodyne-decoder decodes: packets after the makers' manuals, live, of a capture and of a bag."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.messages import PointCloud
from selfcue.optional import require
from selfcue.sensors.lidar import velodyne
from selfcue.sensors.lidar.velodyne_models import LibraryDecoder, packets_cloud, turn_decoder
from selfcue.sensors.lidar.velodyne_turns import VelodyneTurns
from selfcue.sensors.readers import open_log
from tests.sensors.lidar_packets import there, vlp16
from tests.sensors.test_lidar_turns import run
from tests.sensors.test_lidar_udp import capture

pytest.importorskip("velodyne_decoder", reason="velodyne-decoder is not installed")

HDL32E = [-30.67 + 4 / 3 * (k // 2) + (64 / 3 if k % 2 else 0.0) for k in range(32)]
"""Elevations of its lasers in the order of firing [degree]: HDL-32E User Manual 63-9113 Rev. N, appendix."""
DEG_PER_PACKET = 12 * 46.08e-6 * 3600.0  # 12 firings of 46.08 us at ten turns a second


def hdl32e(count: int, metres: float = 10.0) -> list[bytes]:
    """Packets of an HDL-32E whose laser k measures ``metres`` + k / 10."""
    ranges = b"".join(struct.pack("<HB", round((metres + k / 10) / 0.002), 2 * k + 1) for k in range(32))
    packets = []
    for i in range(count):
        blocks = b""
        for block in range(12):
            azimuth = (i + block / 12) * DEG_PER_PACKET % 360
            blocks += b"\xff\xee" + struct.pack("<H", round(azimuth * 100) % 36_000) + ranges
        packets.append(blocks + struct.pack("<IBB", round(552.96 * i), 0x37, 0x21))
    return packets


TURN = math.ceil(360 / DEG_PER_PACKET)


def check(cloud: PointCloud) -> None:
    """Each point lies where the manual puts its laser, but for the centimetres by which these sit above each other."""
    reach = np.linalg.norm(cloud.points.astype(np.float64), axis=1)
    laser = np.rint((cloud.intensity - 1) / 2).astype(int)
    assert np.abs(reach - (10.0 + laser / 10)).max() < 0.03
    up = np.degrees(np.arcsin(cloud.points[:, 2] / reach))
    assert np.abs(up - np.array(HDL32E)[laser]).max() < 0.15
    assert there(cloud.ring).tolist() == np.argsort(np.argsort(HDL32E))[laser].tolist()


def test_an_hdl32e_gives_the_points_of_its_manual() -> None:
    turns = VelodyneTurns()
    found = run(turns, hdl32e(4 * TURN))
    assert turns.model == "HDL-32E"
    assert len(found) >= 3
    for turn in found:
        check(turn.cloud)
        assert len(turn.cloud.points) == pytest.approx(TURN * 12 * 32, rel=0.01)
        assert 0.095 < there(turn.cloud.time_s).max() < 0.101
        assert there(turn.cloud.time_s).min() >= 0.0
    assert turns.counts["lost"] == turns.counts["garbage"] == 0
    assert turns.turn_hz == pytest.approx(10.0, rel=0.01)


def test_an_hdl32e_of_a_capture_and_of_a_bag(tmp_path: Path) -> None:
    packets = hdl32e(2 * TURN + 20)
    path = capture(tmp_path / "h.pcap", packets)
    clouds = [message for _, _, message in open_log(path).messages()]
    assert len(clouds) == 3
    for cloud in clouds:
        assert isinstance(cloud, PointCloud)
        check(cloud)
    scan = packets_cloud(packets[:TURN], 77, "top", "bag")
    assert (scan.stamp_ns, scan.frame_id, scan.source) == (77, "top", "bag")
    check(scan)


def test_which_model_it_is() -> None:
    for model, product in (("VLP-32C", 0x28), ("VLS-128", 0xA1), ("Puck-Hi-Res", 0x24)):
        turns = VelodyneTurns(least_share=0.0)
        found = run(turns, [vlp16(4.8 * i % 360, product=product, seed=i, sent_us=1327 * i) for i in range(20)])
        assert turns.model == model
        assert sum(len(turn.cloud.points) for turn in found) > 1000
    unknown = vlp16(0.0, product=0x77)
    with pytest.raises(BadInputError, match="product number 0x77, which says nothing; name the model, one of VLP-16"):
        VelodyneTurns().feed(unknown)
    assert VelodyneTurns().feed(b"\xff\xee" + bytes(1203) + b"\x77")[1] == []  # damaged, whatever it says


def test_an_hdl64e_needs_its_calibration(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="a HDL-64E-S3 is decoded with its own calibration"):
        turn_decoder("HDL-64E-S3")
    with pytest.raises(BadInputError, match="no such calibration"):
        turn_decoder("HDL-64E-S3", str(tmp_path / "nothing.yaml"))
    broken = tmp_path / "c.yaml"
    broken.write_text("lasers: 5\n")
    with pytest.raises(BadInputError, match="cannot be read as calibration"):
        turn_decoder("HDL-64E-S3", str(broken))
    with pytest.raises(BadInputError, match="'VLP-17' is not known; known: VLP-16"):
        LibraryDecoder("VLP-17")


def test_an_hdl64e_is_decoded_with_its_calibration() -> None:
    """With one of those that velodyne-decoder brings."""
    folder = Path(str(require("velodyne_decoder", extra="lidar").__file__)).parent / "calibrations"
    file = next(iter(sorted(folder.glob("HDL-64E_S3*.yml"))), None)
    if file is None:
        pytest.skip("velodyne-decoder brings no calibration of an HDL-64E")
    turns = VelodyneTurns("HDL-64E-S3", str(file), least_share=0.0)
    packets = []
    for i in range(30):
        blocks = b""
        for block in range(12):
            flag = b"\xff\xee" if block % 2 == 0 else b"\xff\xdd"
            blocks += flag + struct.pack("<H", round((i + block / 12) * 200)) + struct.pack("<HB", 5000, 9) * 32
        packets.append(blocks + struct.pack("<IBB", 288 * i, 0x37, 0x21))
    found = run(turns, packets)
    assert turns.counts["garbage"] == 0
    points = np.concatenate([turn.cloud.points for turn in found])
    assert len(points) == 30 * 12 * 32
    assert np.abs(np.linalg.norm(points, axis=1) - 10.0).max() < 2.5  # corrected for each laser


def test_the_first_block_of_any_packet_says_where_it_looks() -> None:
    assert velodyne.first_azimuth(vlp16(123.45)).tolist() == [123.45]
    with pytest.raises(BadInputError, match="damaged"):
        velodyne.first_azimuth(b"\xff\xee\xff\xff" + bytes(1202))
