"""A recorder under a robot's whole load: four cameras, a LiDAR, inertial data and a microphone, for minutes.

``python -m selfcue.benchmarks.logs_soak SECONDS`` is the robot; the recorder is ``selfcue record``, as users start it.
Files that are full are read, checked and deleted while it goes on, so that ten minutes fit on a small disk.
"""

from __future__ import annotations

import heapq
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from selfcue.bus import Bus
from selfcue.directory import FolderDirectory
from selfcue.errors import SelfcueError
from selfcue.messages import Audio, Image, Imu, Message, PointCloud
from selfcue.record.reader import LogReader
from selfcue.record.run_log import segment_paths

CAMERAS, CAMERA_HZ, LIDAR_HZ, IMU_HZ, BLOCK_HZ = 4, 30.0, 10.0, 1000.0, 50.0
SOUND_HZ = 48_000
SPLIT_MB = 500
BYTES_PER_S = 125e6
"""Of everything together, a little more than it is."""
_LOOK_S = 0.5
_ROOM = 8
"""Files that may lie on the disk at once."""


@dataclass
class Soak:
    """What came of it.

    Attributes:
        seconds: that the robot ran.
        published, recorded: messages by topic; what was said before the recorder listened does not count.
        lost: what the recorder says it lost, by topic.
        cores: processor time of the recorder by time.
        rss_mb: its resident memory, each half second.
        late: messages that the robot said more than a period late: how busy the machine was.
        mb_per_s: that went to the disk.
    """

    seconds: float = 0.0
    published: dict[str, int] = field(default_factory=dict)
    recorded: Counter[str] = field(default_factory=Counter)
    lost: dict[str, int] = field(default_factory=dict)
    cores: float = 0.0
    rss_mb: list[float] = field(default_factory=list)
    late: int = 0
    mb_per_s: float = 0.0

    @property
    def missing(self) -> int:
        """Messages that were published and are in no file."""
        return sum(abs(number - self.recorded[topic]) for topic, number in self.published.items())

    @property
    def growth_mb(self) -> float:
        """Memory in the last quarter of the time less that in the second one, by their medians."""
        quarter = len(self.rss_mb) // 4
        if not quarter:
            return 0.0
        return float(np.median(self.rss_mb[-quarter:]) - np.median(self.rss_mb[quarter : 2 * quarter]))


def soak(folder: Path, seconds: float) -> Soak:
    """Run it in ``folder``.

    Raises:
        SelfcueError: the disk has too little room, or a part of it failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    need = min(BYTES_PER_S * seconds, _ROOM * SPLIT_MB * 1e6) * 1.2
    free = shutil.disk_usage(folder).free
    if free < need:
        raise SelfcueError(f"{folder}: the soak needs {need / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free")
    found = Soak(seconds=seconds)
    log = folder / "soak"
    shutil.rmtree(log, ignore_errors=True)
    domain = {**os.environ, "SELFCUE_DOMAIN": f"soak{os.getpid()}", "OMP_NUM_THREADS": "1"}
    robot = subprocess.Popen(
        [sys.executable, "-m", "selfcue.benchmarks.logs_soak", str(seconds)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=domain,
    )  # fmt: skip
    words = ["record", "--out", str(log), "--split-mb", str(SPLIT_MB), "--compression", "none", "--json", "camera/*",
             "lidar", "imu", "sound"]  # fmt: skip
    recorder: subprocess.Popen[str] | None = None
    try:
        assert robot.stdout is not None
        if robot.stdout.readline().strip() != "here":
            raise SelfcueError("the robot did not start")
        recorder = subprocess.Popen(
            [sys.executable, "-m", "selfcue", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=domain,
        )
        _watch(robot, recorder, log, found)
        told = json.loads(robot.stdout.read())
        found.published, found.late = told["published"], told["late"]
        recorder.send_signal(signal.SIGINT)
        out, err = recorder.communicate(timeout=60)
        if not out.strip():
            raise SelfcueError(f"the recorder failed: {err.strip()[-200:]}")
        found.lost = json.loads(out)["lost"]
        found.mb_per_s += _check_files(log, found, all_of_them=True) / seconds / 1e6
    finally:
        for process in (robot, recorder):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(log, ignore_errors=True)
    return found


def _watch(robot: subprocess.Popen[str], recorder: subprocess.Popen[str], log: Path, found: Soak) -> None:
    """Weigh the recorder, and check and delete what it has finished, until the robot has ended."""
    process = psutil.Process(recorder.pid)
    begun: tuple[float, float] | None = None
    while robot.poll() is None:
        if recorder.poll() is not None:
            with suppress(subprocess.TimeoutExpired):  # it ends by itself when the robot has gone, perhaps before it
                robot.wait(10)
                return
            raise SelfcueError(
                f"the recorder ended with {recorder.returncode}: {(recorder.stderr or sys.stdin).read()}"
            )
        with suppress(psutil.Error):
            times = process.cpu_times()
            now = time.monotonic(), times.user + times.system
            if begun is None and log.is_dir() and segment_paths(log):
                begun = now
            if begun is not None:
                found.rss_mb.append(process.memory_info().rss / 1e6)
                if now[0] > begun[0]:
                    found.cores = (now[1] - begun[1]) / (now[0] - begun[0])
        found.mb_per_s += _check_files(log, found, all_of_them=False) / found.seconds / 1e6
        time.sleep(_LOOK_S)


def _check_files(log: Path, found: Soak, *, all_of_them: bool) -> int:
    """Count the messages of every finished file, checksums and all, and delete it; return the bytes."""
    paths = segment_paths(log) if log.is_dir() else []
    done = 0
    for path in paths if all_of_them else paths[:-1]:
        with LogReader(path) as reader:
            if not reader.complete or not reader.intact():
                raise SelfcueError(f"{path.name}: {reader.loss or 'its messages do not fit their checksums'}")
            for topic, info in reader.topics(repeated=False).items():
                found.recorded[topic] += info.count
        done += path.stat().st_size
        path.unlink()
    return done


# -- the robot --------------------------------------------------------------------------------------------------------


def robot(seconds: float) -> None:
    """Publish everything at its rate, once somebody listens; then print what was published."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (480, 640, 3), dtype=np.uint8) for _ in range(8)]
    points = rng.normal(size=(64 * 1024, 3)).astype(np.float32)
    intensity = np.ones(64 * 1024, np.float32)
    sound = rng.integers(-1000, 1000, (round(SOUND_HZ / BLOCK_HZ), 1)).astype(np.int16)
    topics = {f"camera/{i}": "Image" for i in range(CAMERAS)} | {"lidar": "PointCloud", "imu": "Imu", "sound": "Audio"}
    bus = Bus("robot", FolderDirectory())
    bus.enter(topics)
    sys.stdout.write("here\n")
    sys.stdout.flush()
    deadline = time.monotonic() + 60
    while not bus.subscribers:
        if time.monotonic() > deadline:
            raise SelfcueError("nobody listens")
        bus.connect_present(every_s=0.1)
        bus.poll(0.02)
    settle = time.monotonic() + 1.0  # what is small comes by another way, which must be open too
    while time.monotonic() < settle:
        bus.poll(0.02)

    def message(topic: str, k: int, stamp_ns: int) -> Message:
        if topic == "imu":
            return Imu(stamp_ns=stamp_ns, seq=k, source="robot", angular_velocity=(0.0, 0.0, 0.1),
                       linear_acceleration=(0.0, 0.0, 9.81))  # fmt: skip
        if topic == "lidar":
            return PointCloud(stamp_ns=stamp_ns, seq=k, source="robot", points=points, intensity=intensity)
        if topic == "sound":
            return Audio(stamp_ns=stamp_ns, seq=k, source="robot", sample_rate_hz=SOUND_HZ, samples=sound)
        return Image(stamp_ns=stamp_ns, seq=k, source="robot", encoding="rgb8", data=pictures[k % len(pictures)])

    rates = {f"camera/{i}": CAMERA_HZ for i in range(CAMERAS)} | {"lidar": LIDAR_HZ, "imu": IMU_HZ, "sound": BLOCK_HZ}
    queue = [(i * 1e-3, topic, 0) for i, topic in enumerate(rates)]
    heapq.heapify(queue)
    late, published = 0, Counter[str]()
    begin = time.monotonic()
    while queue[0][0] < seconds:
        due_s, topic, k = heapq.heappop(queue)
        while (wait_s := begin + due_s - time.monotonic()) > 0:
            bus.poll(min(wait_s, 0.01))
        late += -wait_s > 1.0 / rates[topic]
        bus.publish(topic, message(topic, k, time.time_ns()))
        published[topic] += 1
        heapq.heappush(queue, ((k + 1) / rates[topic], topic, k + 1))
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        bus.poll(0.02)
    bus.close()
    sys.stdout.write(json.dumps({"published": published, "late": late}))


if __name__ == "__main__":
    robot(float(sys.argv[1]))
