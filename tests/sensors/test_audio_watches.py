"""Fault detectors of sound: each finds its fault in time, none speaks of sound in which nothing is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from selfcue.benchmarks import ground_sound, sensors_audio
from selfcue.benchmarks.ground_sound import RATE_HZ
from selfcue.measurements import Audio
from selfcue.messages import Odometry, Trust
from selfcue.sensors.audio.content_watches import HumWatch, VoiceWatch, mains_lines
from selfcue.sensors.audio.delivery_watch import DeliveryWatch
from selfcue.sensors.audio.ear import Ear
from selfcue.sensors.audio.harmonicity import voicing
from selfcue.sensors.audio.level_watches import ClippingWatch, SilenceWatch, flat_share
from selfcue.sensors.audio.motion import Motion
from selfcue.sensors.audio.place_watches import MovedWatch, band_distance
from selfcue.sensors.audio.trust_node import SoundTrustNode, SoundTrustParams
from selfcue.sensors.audio.watch_config import SoundWatchConfig
from selfcue.sensors.audio.watches import audio_watches
from selfcue.sensors.trust_node import TrustNode, TrustParams
from selfcue.testing import LoopSystem

STEPS = ground_sound.synthetic_steps(np.random.default_rng(0))
INJURIES = sensors_audio.injuries(None)


def tone(hz: float, seconds: float, rate_hz: int = RATE_HZ, level: float = 0.1) -> np.ndarray:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.asarray(level * sum(np.sin(2 * np.pi * k * hz * t) / k for k in range(1, 6)), np.float32)


@pytest.mark.parametrize("injury", INJURIES, ids=[f"{i.fault}: {i.how}" for i in INJURIES])
def test_each_fault_is_found_in_time_and_not_before(injury):
    before_s = 8.0
    said, _ = sensors_audio.heard(injury, STEPS, np.random.default_rng(4), before_s, 5.0)
    assert [name for t, name in said if t <= before_s] == []
    first_s = min(t for t, name in said if name == injury.fault)
    needs = {name: s for watch in audio_watches() for name, s in watch.needs_s.items()}
    assert first_s - before_s <= needs[injury.fault] + sensors_audio.ALLOWED_S


@pytest.mark.parametrize("channels", [1, 2])
def test_nothing_is_said_of_clean_sound(channels):
    rng = np.random.default_rng(channels)
    whole = ground_sound.ground(STEPS, 60, rng)
    said, cost = sensors_audio.listen(
        whole[:, None] if channels == 1 else ground_sound.array_of(whole, rng), lambda t: 1.0
    )
    assert said == []
    assert cost > 0


def test_a_voice_is_told_from_knocks_that_ring_and_from_high_tones():
    voice = voicing(tone(140, 0.3), RATE_HZ)
    assert voice.harmonicity.min() > 0.9
    np.testing.assert_allclose(voice.pitch_hz, 140, rtol=0.05)
    high = voicing(np.sin(2 * np.pi * 900 * np.arange(4800) / RATE_HZ), RATE_HZ)
    assert high.harmonicity.max() == 0
    low = voicing(tone(78, 0.3), RATE_HZ)
    assert low.harmonicity.min() > 0.8
    np.testing.assert_allclose(low.pitch_hz, 78, rtol=0.05)
    ring = voicing(np.sin(2 * np.pi * 100 * np.arange(4800) / RATE_HZ), RATE_HZ)
    assert ring.harmonicity.max() == 0
    noise = voicing(np.random.default_rng(0).normal(size=4800), RATE_HZ)
    assert np.median(noise.harmonicity) < 0.5


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
def test_voice_and_hum_are_found_at_any_rate(rate_hz):
    rng = np.random.default_rng(1)
    sound = (tone(150, 4, rate_hz) + 0.01 * rng.normal(size=4 * rate_hz)).astype(np.float32)[:, None]
    hum = (tone(60, 4, rate_hz) + 0.01 * rng.normal(size=4 * rate_hz)).astype(np.float32)[:, None]
    for watch, heard, fault in ((VoiceWatch(), sound, "voice"), (HumWatch(), hum, "hum")):
        size = rate_hz // 10
        for i in range(40):
            block = heard[i * size : (i + 1) * size]
            watch.update(Audio(stamp_ns=i * 100_000_000, sample_rate_hz=rate_hz, samples=block))
        (found,) = watch.faults(4_000_000_000)
        assert found.name == fault
        assert found.evidence.get("mains_hz", 60) == 60


def test_clipping_stays_said_while_it_keeps_coming_back():
    watch = ClippingWatch()
    quiet = np.full((4000, 1), 0.1, np.float32) * np.sin(np.arange(4000))[:, None].astype(np.float32)
    hot = quiet.copy()
    hot[100:120] = 1.0
    said = []
    for i in range(60):
        block = hot if i % 4 == 0 and i < 40 else quiet
        watch.update(Audio(stamp_ns=i * 250_000_000, sample_rate_hz=RATE_HZ, samples=block))
        said.append(bool(watch.faults(0)))
    assert said[:4] == [True, True, False, False]  # one clip: half a second
    assert all(said[16:60])  # five in ten seconds: until they are ten seconds old
    for i in range(60, 90):
        watch.update(Audio(stamp_ns=i * 250_000_000, sample_rate_hz=RATE_HZ, samples=quiet))
    assert watch.faults(0) == []


def test_flat_tops_are_counted_and_a_small_peak_is_not():
    wave = np.sin(np.arange(8000) / 7)[:, None].astype(np.float32)
    assert flat_share(wave, 0.1) == 0
    assert flat_share(np.clip(wave, -0.5, 0.5), 0.1) > 0.2
    assert flat_share(np.clip(wave, -0.05, 0.05), 0.1) == 0


def test_silence_at_the_noise_floor_needs_to_know_the_speed():
    for told in (True, False):
        motion = Motion()
        watch = SilenceWatch(motion=motion)
        noise = ground_sound.noise(20 * RATE_HZ, -60, np.random.default_rng(0))[:, None]
        for message in ground_sound.messages(noise):
            if told:
                motion.say(message.stamp_ns, 0.0 if message.stamp_ns < 5_000_000_000 else 1.0)
            watch.update(message)
        assert [fault.name for fault in watch.faults(0)] == (["silence"] if told else [])


def test_motion_ages_and_a_creep_is_neither():
    motion = Motion(moving_m_s=0.3)
    assert motion.moving(0) is None
    for speed, moving in ((0.5, True), (-0.5, True), (0.1, None), (0.0, False)):
        motion.say(10, speed)
        assert motion.moving(10) is moving
    assert motion.moving(1_100_000_000) is None


def test_a_gap_is_told_with_its_length_and_forgotten():
    watch = DeliveryWatch()
    sound = ground_sound.noise(RATE_HZ, -20, np.random.default_rng(0))[:, None]
    for message in ground_sound.messages(sound, begin_ns=0, lost=[(0.4, 0.6)]):
        watch.update(message)
    assert {fault.name: round(fault.evidence["gap_ms"]) for fault in watch.faults(1_000_000_000)} == {"gap": 200}
    assert watch.faults(1_700_000_000) == []


def test_a_dropout_over_a_block_border_is_one():
    watch = DeliveryWatch()
    sound = ground_sound.noise(RATE_HZ, -20, np.random.default_rng(0))[:, None]
    sound[ground_sound.BLOCK * 5 - 80 : ground_sound.BLOCK * 5 + 80] = 0  # 5 ms on each side
    found = []
    for message in ground_sound.messages(sound):
        watch.update(message)
        found += watch.faults(message.stamp_ns)
    assert {fault.name for fault in found} == {"dropout"}
    assert found[0].evidence["dropout_ms"] == pytest.approx(10, abs=0.2)


def test_a_microphone_that_was_moved_is_found_by_its_long_term_spectrum():
    config = SoundWatchConfig(moved_window_s=5, moved_memory_s=60, moved_after_s=20)
    watch = MovedWatch(config)
    whole = ground_sound.ground({"grass": STEPS["grass"]}, 60, np.random.default_rng(3))[:, None]
    hurt = ground_sound.covered(0.5 * whole, 40 * RATE_HZ, np.random.default_rng(0))
    said = []
    for message in ground_sound.messages(hurt, begin_ns=0):
        watch.update(message)
        said += [message.stamp_ns * 1e-9 for _ in watch.faults(0)]
    assert 40 < min(said) < 55
    assert max(said) > 59
    level = np.linspace(0, -40, 24)
    assert band_distance(level, level - 10) == pytest.approx(0)
    assert band_distance(level, level[::-1]) > 1


def test_clipped_samples_are_no_dropout():
    watch = DeliveryWatch()
    loud = np.clip(ground_sound.noise(RATE_HZ, 0, np.random.default_rng(0), slope=2.0) * 3, -1, 1)[:, None]
    for message in ground_sound.messages(loud):
        watch.update(message)
        assert watch.faults(message.stamp_ns) == []


def test_lines_of_the_mains_are_counted():
    power = np.ones(2000)
    power[[50, 100, 150]] = 1e4
    lines, energy = mains_lines(power, 50, 15.0)
    assert lines == 3
    assert energy == pytest.approx(3e4, rel=0.01)
    assert mains_lines(power, 60, 15.0)[0] == 0


def test_the_ear_does_not_care_how_sound_is_cut_and_joins_nothing_over_a_gap():
    sound = ground_sound.noise(2 * RATE_HZ, -20, np.random.default_rng(0))[:, None]
    ends = []
    for size in (640, 4000, 7001):
        ear, slices = Ear(), []
        for first in range(0, len(sound), size):
            stamp_ns = first * 1_000_000_000 // RATE_HZ
            message = Audio(stamp_ns=stamp_ns, sample_rate_hz=RATE_HZ, samples=sound[first : first + size])
            slices += ear.hear(message)
            assert ear.hear(message) is ear.hear(message)
        ends.append([(round(one.end_ns, -3), float(one.rms[0])) for one in slices])
        assert len(slices) == 8
        np.testing.assert_array_equal(slices[-1].window, sound[-RATE_HZ:])
    assert ends[0] == ends[1] == ends[2]
    ear = Ear()
    ear.hear(Audio(stamp_ns=0, sample_rate_hz=RATE_HZ, samples=sound[:RATE_HZ]))
    later = Audio(stamp_ns=9_000_000_000, sample_rate_hz=RATE_HZ, samples=sound[:5000])
    (alone,) = ear.hear(later)
    assert len(alone.window) == 4000


def test_detectors_go_on_from_what_they_saved():
    rng = np.random.default_rng(5)
    whole = ground_sound.windy(ground_sound.ground(STEPS, 12, rng)[:, None], 6 * RATE_HZ, rng)
    heard = list(ground_sound.messages(whole))
    kept, fresh = audio_watches(), audio_watches()
    said = []
    for i, message in enumerate(heard):
        if i == 157:  # in the middle of a slice, amid wind
            for old, new in zip(kept, fresh, strict=True):
                new.load_meta(json.loads(json.dumps(old.meta())))
        for watch in kept:
            watch.update(message)
        if i >= 157:
            for old, new in zip(kept, fresh, strict=True):
                new.update(message)
                assert new.faults(message.stamp_ns) == old.faults(message.stamp_ns)
                assert new.evidence() == old.evidence()
                said += new.faults(message.stamp_ns)
    assert "wind" in {fault.name for fault in said}


def test_the_trust_node_runs_them(tmp_path):
    loop = LoopSystem(tmp_path)
    loop.add(TrustNode("trust", TrustParams(sensor="audio", topic="audio", cue="sound")))
    sound = ground_sound.ground(STEPS, 6, np.random.default_rng(0))[:, None]
    muted = ground_sound.muted(sound, 3 * RATE_HZ, np.random.default_rng(0))
    for message in ground_sound.messages(muted):
        loop.feed("audio", message)
        loop.tick(message.stamp_ns + 40_000_000)
    said: list[Trust] = loop.published("trust/sound")
    assert said[10].level == "ok"
    assert (said[-1].level, said[-1].reason) == ("lost", "silence")
    assert said[-1].evidence["silent_s"] > 1


def test_with_odometry_rain_on_a_standing_vehicle_is_found(tmp_path):
    loop = LoopSystem(tmp_path)
    loop.add(SoundTrustNode("trust", SoundTrustParams()))
    rng = np.random.default_rng(0)
    sound = ground_sound.ground(STEPS, 18, rng)
    sound[14 * RATE_HZ :] = ground_sound.noise(4 * RATE_HZ, -30, rng)
    for message in ground_sound.messages(sound[:, None]):
        stands = message.stamp_ns >= 15_000_000_000
        odometry = Odometry(
            stamp_ns=message.stamp_ns,
            position=(0.0, 0.0, 0.0),
            orientation=(0.0, 0.0, 0.0, 1.0),
            linear_velocity=(0.0 if stands else 0.8, 0.0, 0.0),
            angular_velocity=(0.0, 0.0, 0.0),
        )
        loop.feed("odom", odometry)
        loop.feed("audio", message)
        loop.tick(message.stamp_ns + 40_000_000)
    said = [(one.stamp_ns * 1e-9, one.reason) for one in loop.published("trust/sound") if one.level != "ok"]
    assert {reason for _, reason in said} == {"noise"}
    assert 15 < said[0][0] < 18
