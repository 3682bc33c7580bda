"""Datagrams of network captures."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfcue.errors import BadInputError
from selfcue.sensors.lidar.pcap import Capture
from selfcue.sensors.readers import open_log
from tests.sensors.captures import SECOND, START_S, ethernet, ip, pcap, udp


@pytest.mark.parametrize(
    ("magic", "step_ns"),
    [(b"\xd4\xc3\xb2\xa1", 1_000_000), (b"\xa1\xb2\xc3\xd4", 1_000_000), (b"\x4d\x3c\xb2\xa1", 1000)],
)
def test_datagrams_of_a_capture(tmp_path: Path, magic: bytes, step_ns: int) -> None:
    big = udp(7502, bytes(range(250)) * 12)
    pieces = [ip(big[:1480], flags=0x2000), ip(big[2960:], flags=370), ip(big[1480:2960], flags=0x2000 | 185)]
    other = bytearray(ip(udp(1, b"tcp")))
    other[9] = 6
    frames = [ethernet(ip(udp(2368, b"one"))), ethernet(ip(udp(9, b"vlan")), vlan=True), ethernet(bytes(other))]
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([*frames, *map(ethernet, pieces), b"short"], magic=magic))
    capture = Capture(path)
    found = list(capture)
    assert [(one.port, len(one.data)) for one in found] == [(2368, 3), (9, 4), (7502, 3000)]
    assert found[2].data == big[8:]
    assert [one.time_ns - START_S * SECOND for one in found] == [0, step_ns, 5 * step_ns]
    assert capture.torn == 0
    path.write_bytes(pcap(frames, magic=magic)[:-7])
    capture = Capture(path)
    assert len(list(capture)) == 2
    assert capture.torn == 16 + len(frames[2]) - 7


def test_captures_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([ip(udp(5, b"raw"))], link=101))
    assert [one.data for one in Capture(path)] == [b"raw"]
    for content, text in (
        (b"\x0a\x0d\x0d\x0a" + bytes(40), "editcap -F pcap"),
        (b"nonsense" * 9, "is damaged or no pcap"),
        (pcap([], link=147), "link layer 147 is not known"),
    ):
        path.write_bytes(content)
        with pytest.raises(BadInputError, match=text):
            Capture(path)
    path.write_bytes(pcap([ethernet(ip(udp(1, b"x")))]))
    with pytest.raises(BadInputError, match=r"no packets of a Velodyne in it.*a\.json"):
        open_log(path)
