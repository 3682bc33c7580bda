"""Sound files as a sensor: every format, rate and channel count, read to the end and damaged."""

from __future__ import annotations

import time

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.sensors.audio.sound_file import SoundFile, SoundFileConfig
from selfcue.sensors.driver import EndOfData
from selfcue.sensors.sensor_thread import SensorThread

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed (extra audio)")


def tone(seconds: float, rate_hz: int, channels: int) -> np.ndarray:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.stack([0.5 * np.sin(2 * np.pi * (200 + 100 * c) * t) for c in range(channels)], axis=1)


def read_all(driver: SoundFile):
    """Return all readings; only the end of the file ends it."""
    readings = []
    driver.open()
    try:
        while True:
            readings += driver.read(0.1)
    except EndOfData:
        return readings
    finally:
        driver.close()


@pytest.mark.parametrize(
    ("ending", "subtype", "rate_hz", "channels", "dtype", "error"),
    [
        ("wav", "PCM_16", 44100, 2, "int16", 1 / 32768),
        ("wav", "PCM_U8", 8000, 1, "int16", 1 / 128),
        ("wav", "PCM_24", 96000, 1, "float32", 1e-6),
        ("wav", "FLOAT", 16000, 4, "float32", 1e-7),
        ("wav", "DOUBLE", 22050, 1, "float32", 1e-7),
        ("flac", "PCM_16", 48000, 2, "int16", 1 / 32768),
        ("flac", "PCM_24", 11025, 1, "float32", 1e-6),
        ("ogg", "VORBIS", 44100, 2, "float32", 0.05),
        ("ogg", "OPUS", 48000, 1, "float32", 0.05),
    ],
)
def test_every_format_is_read_whole_in_blocks(tmp_path, ending, subtype, rate_hz, channels, dtype, error):
    path = tmp_path / f"tone.{ending}"
    x = tone(0.53, rate_hz, channels)
    soundfile.write(path, x, rate_hz, subtype=subtype)
    readings = read_all(SoundFile(SoundFileConfig(str(path), block_ms=50)))
    heard = np.concatenate([reading.value.samples for reading in readings])
    assert heard.dtype == dtype
    assert heard.shape == x.shape
    as_float = heard / 32768 if dtype == "int16" else heard
    assert np.abs(as_float - x).max() <= error
    assert {reading.value.rate_hz for reading in readings} == {rate_hz}
    assert len(readings) == 11
    grid = [reading.stamp_ns - readings[0].stamp_ns for reading in readings]
    assert np.abs(np.array(grid) - np.arange(11) * round(rate_hz * 0.05) * 1e9 / rate_hz).max() <= 1


def test_channels_are_picked_and_floats_are_held_at_full_scale(tmp_path):
    path = tmp_path / "loud.wav"
    x = 3.0 * tone(0.1, 16000, 3)
    soundfile.write(path, x, 16000, subtype="FLOAT")
    (reading,) = read_all(SoundFile(SoundFileConfig(str(path), "int16", pick=(2, 0), block_ms=100)))
    expected = np.clip(np.rint(x[:, [2, 0]].astype(np.float32) * 32768), -32768, 32767).astype(np.int16)
    np.testing.assert_array_equal(reading.value.samples, expected)
    assert expected.max() == 32767
    with pytest.raises(BadInputError, match="3 channels, 0 to 2; pick names 3"):
        SoundFile(SoundFileConfig(str(path), pick=(3,))).open()


def test_a_loop_goes_on_without_a_seam(tmp_path):
    path = tmp_path / "short.wav"
    soundfile.write(path, tone(0.1, 8000, 1), 8000, subtype="PCM_16")
    driver = SoundFile(SoundFileConfig(str(path), block_ms=30, loop=True))
    driver.open()
    readings = [reading for _ in range(8) for reading in driver.read(0.1)]
    driver.close()
    assert driver.read(0.1) == []
    lengths = [len(reading.value.samples) for reading in readings]
    assert lengths == [240, 240, 240, 80, 240, 240, 240, 80]
    np.testing.assert_array_equal(np.diff([reading.stamp_ns for reading in readings]), np.array(lengths[:-1]) * 125_000)
    np.testing.assert_array_equal(readings[4].value.samples, readings[0].value.samples)


def test_the_base_plays_a_file_at_its_own_pace(tmp_path):
    path = tmp_path / "second.wav"
    soundfile.write(path, tone(0.6, 8000, 1), 8000, subtype="PCM_16")
    thread = SensorThread(lambda: SoundFile(SoundFileConfig(str(path), block_ms=100)), time.time_ns)
    begin_s = time.monotonic()
    thread.start()
    found = []
    while not thread.ended and time.monotonic() - begin_s < 10:
        found += thread.take(0.2)
    assert time.monotonic() - begin_s > 0.45
    thread.stop()
    assert len(found) == 6
    np.testing.assert_allclose(np.diff([one.stamp_ns for one in found]), 100e6, atol=2)


def test_damaged_cut_and_absent_files_are_named(tmp_path, refusals):
    path = tmp_path / "tone.flac"
    soundfile.write(path, tone(0.5, 8000, 1), 8000)
    with pytest.raises(BadInputError, match=r"nowhere.wav: the sound is missing"):
        SoundFile(SoundFileConfig(str(tmp_path / "nowhere.wav"))).open()
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(BadInputError, match=r"text.wav is damaged or no sound"):
        SoundFile(SoundFileConfig(str(tmp_path / "text.wav"))).open()
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), 8000)
    with pytest.raises(BadInputError, match=r"empty.wav: it holds no sample"):
        SoundFile(SoundFileConfig(str(tmp_path / "empty.wav"))).open()

    def read() -> None:
        driver = SoundFile(SoundFileConfig(str(path)))
        driver.open()
        try:
            while driver.read(0.1):
                pass
        except EndOfData:
            pass
        finally:
            driver.close()

    assert len(refusals(path, read)) > 10
    with pytest.raises(ValueError, match="sample_format is 'int8'"):
        SoundFileConfig("a.wav", "int8")  # type: ignore[arg-type]


def test_a_hundred_files_leave_no_handle_open(tmp_path):
    psutil = pytest.importorskip("psutil")
    path = tmp_path / "tone.ogg"
    soundfile.write(path, tone(0.5, 16000, 1), 16000)
    process = psutil.Process()
    before = process.num_fds()
    for _ in range(100):
        read_all(SoundFile(SoundFileConfig(str(path))))
    assert process.num_fds() == before
