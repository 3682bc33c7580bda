"""A microphone by PortAudio, on a private PulseAudio sink: what is played is read, and unplugging is survived."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator

import numpy as np
import psutil
import pytest

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.sensors.audio.block import SoundBlock
from selfcue.sensors.audio.microphone import Microphone, MicrophoneConfig
from selfcue.sensors.audio.portaudio import InputDevice, choose
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.driver import DeviceLostError
from selfcue.sensors.sensor_thread import SensorThread, Stamped
from tests.sensors import pulse

CONFIG = MicrophoneConfig("default", rate_hz=pulse.RATE_HZ, block_ms=20)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pulse.Pulse]:
    if reason := pulse.missing():
        pytest.skip(reason)
    server = pulse.Pulse(tmp_path_factory.mktemp("pulse"))
    patch = pytest.MonkeyPatch()
    for name, value in server.environment.items():
        patch.setenv(name, value)
    server.start()
    yield server
    server.stop()
    patch.undo()


@pytest.fixture
def microphone(daemon: pulse.Pulse) -> Iterator[pulse.Pulse]:
    daemon.plug()
    yield daemon
    daemon.unplug()


def read_on(driver: Microphone) -> None:
    for _ in range(100):
        driver.read(0.1)


def collect(thread: SensorThread[SoundBlock], done: Callable[[list[Stamped[SoundBlock]]], bool], limit_s: float = 20):
    found: list[Stamped[SoundBlock]] = []
    deadline = time.monotonic() + limit_s
    while not done(found):
        assert time.monotonic() < deadline, f"{len(found)} blocks; {thread.status()}"
        found += thread.take(0.1)
    return found


def test_every_sample_that_is_played_is_read(microphone, tmp_path):
    rng = np.random.default_rng(7)
    played = rng.integers(-20000, 20000, 2 * pulse.RATE_HZ).astype(np.int16)
    played[0] = played[-1] = 12345
    with wave.open(str(tmp_path / "known.wav"), "wb") as file:
        file.setparams((1, 2, pulse.RATE_HZ, 0, "NONE", ""))
        quiet = np.zeros(pulse.RATE_HZ // 4, np.int16)  # the daemon cuts the first milliseconds of what it plays
        file.writeframes(np.concatenate([quiet, played, quiet]).tobytes())
    thread = SensorThread(lambda: Microphone(CONFIG), time.time_ns, keep=1000)
    thread.start()
    try:
        player = microphone.play(tmp_path / "known.wav")
        assert player.wait(10) == 0
        blocks = collect(thread, lambda found: len(found) > 50 and not np.any(found[-1].value.samples))
        status = thread.status()
    finally:
        thread.stop()
    heard = np.concatenate([block.value.samples[:, 0] for block in blocks])
    first, last = np.flatnonzero(heard)[[0, -1]]
    np.testing.assert_array_equal(heard[first : last + 1], played)
    assert (status.lost, status.dropped) == (0, 0)
    steps_ms = np.diff([block.stamp_ns for block in blocks]) * 1e-6
    assert np.abs(steps_ms - 20).max() < 0.15  # spaced by samples, whatever the jitter of arrival
    assert 0 < time.time_ns() - blocks[-1].stamp_ns < 2e9


def test_an_array_keeps_its_channels_in_the_order_that_was_picked(daemon, tmp_path):
    soundfile = pytest.importorskip("soundfile")
    daemon.plug(channels=4)
    try:
        t = np.arange(pulse.RATE_HZ) / pulse.RATE_HZ
        tones = np.stack([0.5 * np.sin(2 * np.pi * hz * t) for hz in (300, 700, 1100, 1500)], axis=1)
        soundfile.write(tmp_path / "four.wav", tones, pulse.RATE_HZ, subtype="PCM_16")
        config = MicrophoneConfig("default", rate_hz=pulse.RATE_HZ, channels=4, pick=(2, 0), sample_format="float32")
        thread = SensorThread(lambda: Microphone(config), time.time_ns, keep=1000)
        thread.start()
        try:
            player = daemon.play(tmp_path / "four.wav", channels=4)
            assert player.wait(10) == 0
            blocks = collect(thread, lambda found: len(found) > 20 and not np.any(found[-1].value.samples))
        finally:
            thread.stop()
    finally:
        daemon.unplug()
    heard = np.concatenate([block.value.samples for block in blocks])
    assert heard.dtype == np.float32
    assert heard.shape[1] == 2
    begin = np.flatnonzero(np.abs(heard).max(axis=1) > 0.1)[0] + 1000
    peaks = np.abs(np.fft.rfft(heard[begin : begin + 8000], axis=0)).argmax(axis=0) * 2
    assert peaks.tolist() == [1100, 300]


def test_a_microphone_that_is_pulled_is_lost_and_comes_back(daemon):
    daemon.plug()
    quick = ConnectionConfig(first_wait_s=0.05, most_wait_s=0.2)
    thread = SensorThread(lambda: Microphone(CONFIG), time.time_ns, quick, keep=1000)
    thread.start()
    try:
        collect(thread, lambda found: len(found) > 5)
        daemon.unplug()
        pulled_s = time.monotonic()
        while thread.status().state == "up":
            thread.take(0.02)
            assert time.monotonic() - pulled_s < 3
        status = thread.status()
        assert "microphone" in status.error
        daemon.plug()
        thread.take()
        fresh = collect(thread, lambda found: len(found) > 5)
        assert thread.status().reconnects == 1
        assert (np.diff([one.stamp_ns for one in fresh]) > 0).all()
    finally:
        thread.stop()
        daemon.unplug()


def test_a_microphone_that_falls_silent_for_good_is_lost(microphone):
    """The sink is suspended, not removed: nothing comes any more, and nobody says why."""
    driver = Microphone(MicrophoneConfig("default", rate_hz=pulse.RATE_HZ, silent_after_s=0.4))
    driver.open()
    try:
        microphone.control("suspend-sink", "vmic", "1")
        with pytest.raises(DeviceLostError, match="not a sample for"):
            read_on(driver)
    finally:
        microphone.control("suspend-sink", "vmic", "0")
        driver.close()


def test_close_ends_a_read_of_another_thread(microphone):
    driver = Microphone(CONFIG)
    driver.open()
    ended = threading.Event()

    def read_all() -> None:
        while driver.read(0.5):
            pass
        ended.set()

    thread = threading.Thread(target=read_all)
    thread.start()
    driver.close()
    driver.close()
    assert ended.wait(2)
    thread.join(2)


def test_settings_that_cannot_be_met_and_absence_are_told_apart(daemon):
    with pytest.raises(MissingDependencyError, match=r"no microphone 'Blue Yeti' is plugged in; there are: .*default"):
        Microphone(MicrophoneConfig("Blue Yeti")).open()
    with pytest.raises(BadInputError, match="pick names 99"):
        Microphone(MicrophoneConfig("default", pick=(99,))).open()
    with pytest.raises(MissingDependencyError):  # no sink, no sound
        Microphone(MicrophoneConfig("default", rate_hz=pulse.RATE_HZ, first_sample_s=0.3)).open()
    assert any(device.source == "default" for device in Microphone.find())


SERVER_DIES = """
import os, sys, time
from pathlib import Path
from selfcue.sensors.audio.microphone import Microphone, MicrophoneConfig
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.sensor_thread import SensorThread
from tests.sensors.pulse import RATE_HZ, Pulse

server = Pulse(Path(sys.argv[1]))
os.environ.update(server.environment)
server.start()
server.plug()
config = ConnectionConfig(first_wait_s=0.05, most_wait_s=0.2, hung_after_s=0.5)
thread = SensorThread(lambda: Microphone(MicrophoneConfig("default", rate_hz=RATE_HZ)), time.time_ns, config)

def until(condition):
    end_s = time.monotonic() + 20
    while not condition():
        thread.take(0.05)
        assert time.monotonic() < end_s, thread.status()

thread.start()
until(lambda: thread.status().readings > 10)
server.kill()
until(lambda: thread.status().state == "waiting")
server.start()
server.plug()
until(lambda: thread.status().state == "up")
until(lambda: thread.status().age_s < 0.5)
print("came back", thread.status().reconnects, flush=True)
thread.stop()
server.stop()
"""


@pytest.mark.slow
def test_a_sound_server_that_dies_is_survived_and_the_process_still_ends(daemon, tmp_path, pytestconfig):
    """In a process of its own, for a call into the dead server's plug-in never returns."""
    command = [sys.executable, "-c", SERVER_DIES, str(tmp_path)]
    done = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True, timeout=50, check=False)
    assert "came back 1" in done.stdout, done.stderr[-2000:]
    assert done.returncode == 0


@pytest.mark.slow
def test_a_hundred_connections_under_load_leave_nothing_behind(microphone):
    process = psutil.Process()
    load = threading.Event()

    def work() -> None:
        x = np.random.default_rng(0).normal(size=(100, 100))
        while not load.is_set():
            x = np.tanh(x @ x.T / 100)

    worker = threading.Thread(target=work)
    worker.start()
    config = MicrophoneConfig("default", rate_hz=pulse.RATE_HZ, block_ms=10)
    seen: list[tuple[int, int, int]] = []
    try:
        for _ in range(100):
            driver = Microphone(config)
            driver.open()
            driver.read(0.05)
            driver.close()
            gc.collect()
            seen.append((process.num_fds(), process.num_threads(), process.memory_info().rss))
    finally:
        load.set()
        worker.join()
    assert seen[-1][0] <= seen[10][0]
    assert seen[-1][1] <= seen[10][1]
    assert seen[-1][2] - seen[20][2] < 8_000_000


class LeakyStream:
    """A stream of silence at its own pace that can throw samples away, as a full buffer does."""

    def __init__(self) -> None:
        self._begin_s, self._gone, self._overrun = time.monotonic(), 0, False

    @property
    def read_available(self) -> int:
        return int((time.monotonic() - self._begin_s) * pulse.RATE_HZ) - self._gone

    def throw_away(self) -> int:
        thrown = self.read_available
        self._gone, self._overrun = self._gone + thrown, True
        return thrown

    def read(self, count: int) -> tuple[np.ndarray, bool]:
        self._gone, overrun, self._overrun = self._gone + count, self._overrun, False
        return np.zeros((count, 1), np.int16), overrun

    def abort(self, ignore_errors: bool) -> None: ...

    def close(self, ignore_errors: bool) -> None: ...


def test_an_overrun_is_counted_in_samples_and_the_next_stamp_lies_later(monkeypatch):
    from selfcue.sensors.audio import microphone as module

    stream = LeakyStream()
    monkeypatch.setattr(module, "input_devices", lambda: [DEVICES[0]])
    monkeypatch.setattr(module, "open_stream", lambda device, **settings: stream)
    driver = Microphone(MicrophoneConfig(rate_hz=pulse.RATE_HZ, block_ms=20))
    driver.open()
    before = [reading for _ in range(5) for reading in driver.read(0.2)]
    while stream.read_available < 4800:
        time.sleep(0.01)  # what is lost has to be heard first
    thrown = stream.throw_away()
    after = [reading for _ in range(5) for reading in driver.read(0.2)]
    driver.close()
    assert driver.lost_samples == pytest.approx(thrown, abs=0.05 * pulse.RATE_HZ)
    assert after[0].value.lost_samples == driver.lost_samples
    assert after[0].lost == -(-driver.lost_samples // 320)
    gap_ms = (after[0].stamp_ns - before[-1].stamp_ns) * 1e-6
    assert gap_ms == pytest.approx(20 + 1e3 * driver.lost_samples / pulse.RATE_HZ, rel=0.01)


DEVICES = [
    InputDevice(0, "USB Audio: - (hw:1,0)", "ALSA", 1, 48000.0, is_default=False),
    InputDevice(1, "ReSpeaker 4 Mic Array: USB Audio (hw:2,0)", "ALSA", 6, 16000.0, is_default=False),
    InputDevice(2, "ReSpeaker 2 Mic [old]: USB Audio (hw:3,0)", "ALSA", 2, 16000.0, is_default=True),
]


@pytest.mark.parametrize(
    ("source", "index"),
    [("", 2), ("default", 2), ("0", 0), ("4 mic", 1), ("*speaker 4*", 1), ("2 Mic [old]", 2), ("USB Audio: -", 0)],
)
def test_a_microphone_is_found_by_number_name_part_and_pattern(source, index):
    assert choose(DEVICES, source).index == index


def test_a_name_that_fits_none_or_two_is_refused_with_the_list():
    with pytest.raises(BadInputError, match=r"'respeaker' fits 2 devices .*4 Mic Array.*write more of the name"):
        choose(DEVICES, "respeaker")
    with pytest.raises(MissingDependencyError, match=r"no microphone '7' .* 1: ReSpeaker 4"):
        choose(DEVICES, "7")
    with pytest.raises(MissingDependencyError, match="no microphone is plugged in"):
        choose([], "")


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="pick names channel 3, and 2 channels"):
        MicrophoneConfig(channels=2, pick=(3,))
    with pytest.raises(ValueError, match="rate_hz -1"):
        MicrophoneConfig(rate_hz=-1)
    assert MicrophoneConfig(pick=(3, 1)).opened_channels == 4


def test_a_missing_portaudio_names_the_package_that_brings_it(monkeypatch):
    import importlib

    def load(name: str) -> None:
        raise OSError("PortAudio library not found")

    monkeypatch.setattr(importlib, "import_module", load)
    with pytest.raises(MissingDependencyError, match="apt install libportaudio2"):
        Microphone().open()
    assert Microphone.find() == []
