"""The audio node: sound of a file on the bus, block by block, and what its device does."""

from __future__ import annotations

import numpy as np
import pytest

from selfcue.cell import Cell
from selfcue.clock import WallClock
from selfcue.errors import BadInputError
from selfcue.messages import Audio, DeviceStatus, Message
from selfcue.sensors.audio.node import AudioNode, AudioParams
from selfcue.sensors.audio.sound_file import SoundFileConfig
from tests.sensors.fake_device import wait_until

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed (extra audio)")


def test_a_file_comes_out_whole_with_stamps_by_its_samples(tmp_path):
    x = np.random.default_rng(0).integers(-9000, 9000, (8000, 2)).astype(np.int16)
    soundfile.write(tmp_path / "noise.flac", x, 16000)
    params = AudioParams(file=SoundFileConfig(str(tmp_path / "noise.flac")), topic="ears", frame_id="ears_link")
    node, clock = AudioNode("ears", params), WallClock()
    sent: list[tuple[str, Message]] = []
    cell = Cell(
        clock=clock,
        run_dir=tmp_path,
        lockstep=False,
        outlet=lambda topic, message, latched: sent.append((topic, message)),
    )
    cell.add(node)

    def ended() -> bool:
        node.step(clock.now_ns())
        return any(isinstance(one, DeviceStatus) and one.state == "ended" for _, one in sent)

    wait_until(ended)
    node.close()
    sound = [message for topic, message in sent if topic == "ears" and isinstance(message, Audio)]
    np.testing.assert_array_equal(np.concatenate([one.samples for one in sound]), x)
    np.testing.assert_allclose(np.diff([one.stamp_ns for one in sound]), 40e6, atol=2)
    assert {one.frame_id for one in sound} == {"ears_link"}
    assert {topic for topic, _ in sent} >= {"ears", "ears/device"}


def test_under_a_simulated_clock_it_is_refused(tmp_path):
    params = AudioParams(file=SoundFileConfig("noise.wav"))
    cell = Cell(clock=WallClock(), run_dir=tmp_path, lockstep=True, outlet=lambda *_: None)
    with pytest.raises(BadInputError, match="runs on the wall's clock"):
        cell.add(AudioNode("ears", params))


def test_an_empty_topic_is_refused():
    with pytest.raises(ValueError, match="topic is empty"):
        AudioParams(topic="")
