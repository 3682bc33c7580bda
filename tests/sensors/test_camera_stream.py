"""Network cameras: FFmpeg serves one on loopback, dies and returns; what the thread does meanwhile."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from selfcue.sensors.camera.capture import StreamCamera
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.driver import Pixels
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.sensor_thread import SensorThread, Stamped
from tests.sensors.fake_device import wait_until

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg; Debian: apt-get install ffmpeg")
CONNECTION = ConnectionConfig(wait_for_device=True, first_wait_s=0.05, most_wait_s=0.2, hung_after_s=5.0)


class Server:
    """A camera in the network: a moving test picture, 320 x 240 at 30 Hz."""

    def __init__(self, kind: str) -> None:
        self.port = free_port(socket.SOCK_STREAM if kind == "mjpeg" else socket.SOCK_DGRAM)
        if kind == "mjpeg":
            self.url = f"tcp://127.0.0.1:{self.port}"
            self._out = ["-q:v", "3", "-f", "mpjpeg", f"{self.url}?listen=1"]
        else:
            self.url = f"udp://127.0.0.1:{self.port}"
            coding = ["-c:v", "mpeg2video", "-b:v", "4M", "-g", "10", "-bf", "0"]
            self._out = [*coding, "-f", "mpegts", f"{self.url}?pkt_size=1316"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        source = ["-re", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=30"]
        self._process = subprocess.Popen(["ffmpeg", "-loglevel", "error", "-nostdin", *source, *self._out])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture(params=["mjpeg", "mpegts"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    server = Server(request.param)
    yield server
    server.kill()


def frames(thread: SensorThread[Pixels], count: int) -> list[Stamped[Pixels]]:
    found: list[Stamped[Pixels]] = []

    def enough() -> bool:
        found.extend(thread.take())
        return len(found) >= count

    wait_until(enough, 25.0)
    return found


def test_a_camera_in_the_network_dies_and_returns(server: Server) -> None:
    config = CameraConfig(server.url, open_timeout_ms=3000, read_timeout_ms=800)
    thread: SensorThread[Pixels] = SensorThread(lambda: StreamCamera(config), time.time_ns, CONNECTION, keep=4)
    server.start()
    thread.start()
    first = frames(thread, 20)
    assert first[0].value.shape == (240, 320, 3)
    assert any(not np.array_equal(first[0].value, later.value) for later in first[1:]), "the picture moves"
    stamps = [frame.stamp_ns for frame in first]
    assert stamps == sorted(set(stamps))
    assert abs(stamps[-1] - time.time_ns()) < 2_000_000_000

    server.kill()
    wait_until(lambda: thread.status().state != "up", 10.0)
    thread.take()
    began_s = time.monotonic()
    assert thread.take() == []
    assert time.monotonic() - began_s < 0.2, "a dead camera holds nobody up"

    server.start()
    again = frames(thread, 10)
    assert again[0].stamp_ns > stamps[-1]
    assert thread.status().reconnects >= 1
    thread.stop()


@pytest.mark.long
def test_a_hundred_connections_under_load_leave_nothing_behind(tmp_path: Path) -> None:
    """``pytest -m long tests/sensors/test_camera_stream.py``: about three minutes."""
    server, here, before = Server("mjpeg"), psutil.Process(), (0, 0, 0)
    config = CameraConfig(server.url, open_timeout_ms=5000, read_timeout_ms=1000)
    load = subprocess.Popen(["sh", "-c", "while :; do :; done"], cwd=tmp_path)
    try:
        for number in range(100):
            server.start()
            thread: SensorThread[Pixels] = SensorThread(lambda: StreamCamera(config), time.time_ns, CONNECTION)
            thread.start()
            frames(thread, 2)
            thread.stop()
            server.kill()
            if number == 20:
                before = here.num_fds(), here.num_threads(), here.memory_info().rss
        after = here.num_fds(), here.num_threads(), here.memory_info().rss
    finally:
        load.kill()
        load.wait()
        server.kill()
    assert after[0] <= before[0] + 2
    assert after[1] <= before[1] + 2
    assert after[2] <= before[2] + 30_000_000
