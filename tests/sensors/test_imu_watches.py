"""Detectors of inertial units: quiet while all is well, right when it is not, and the same after they were saved."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from selfcue.benchmarks.imu_faults import clock_messages, imu_faults
from selfcue.messages import Imu, Message, Scalars
from selfcue.sensors.imu.clock_lag import ClockLag
from selfcue.sensors.imu.clock_watch import LAG, ClockWatch
from selfcue.sensors.imu.delivery_watches import DeliveryWatch
from selfcue.sensors.imu.range_watch import RangeWatch
from selfcue.sensors.imu.rest_watches import AxesWatch
from selfcue.sensors.imu.watches import IMU, IMU_CLOCK, clock_watches, imu_watches
from selfcue.sensors.watch import Watch

MS, S = 1_000_000, 1_000_000_000


def unit(seconds: float, *, hz: float = 100.0, moves: bool = True, seed: int = 0) -> list[Imu]:
    """Return what a worn unit sends: 6 s at rest, 6 s of motion, and again."""
    rng = np.random.default_rng(seed)
    count = round(seconds * hz)
    time_s = np.arange(count) / hz
    shake = ((time_s % 12 > 6) & moves)[:, None] * np.sin(time_s[:, None] * np.array([7.0, 9.0, 11.0]))
    accel = np.array([0.0, 0.0, 9.81]) + 4 * shake + rng.normal(0, 0.02, (count, 3))
    gyro = shake + rng.normal(0, 0.003, (count, 3))
    stamps = np.round(time_s * 1e9).astype(np.int64).tolist()
    return [
        Imu(stamp_ns=stamp_ns, angular_velocity=tuple(turn), linear_acceleration=tuple(force))
        for stamp_ns, turn, force in zip(stamps, gyro.tolist(), accel.tolist(), strict=True)
    ]


def said(messages: Iterable[Message], watches: list[Watch[Any]]) -> Iterator[tuple[int, str, str]]:
    for message in messages:
        for watch in watches:
            watch.update(message)
            yield from ((message.stamp_ns, fault.name, fault.level) for fault in watch.faults(message.stamp_ns))


def names(messages: Iterable[Message], watches: list[Watch[Any]] | None = None) -> set[str]:
    return {name for _, name, _ in said(messages, watches or imu_watches())}


def changed(message: Imu, **fields: Any) -> Imu:
    import msgspec

    return msgspec.structs.replace(message, **fields)


@given(st.integers(0, 2**32 - 1), st.sampled_from([25.0, 50.0, 100.0, 200.0]))
@settings(max_examples=6)
def test_a_unit_that_is_well_gives_no_alarm(seed: int, hz: float) -> None:
    assert names(unit(40.0, hz=hz, seed=seed)) == set()


def test_a_unit_without_a_gyroscope_gives_no_alarm() -> None:
    nan = float("nan")
    assert names(changed(one, angular_velocity=(nan, nan, nan)) for one in unit(40.0)) == set()


def test_slow_telemetry_gives_no_alarm() -> None:
    assert names(unit(400.0, hz=2.0, moves=False)) == set()


FAULTS: dict[str, tuple[str, Callable[[Imu], Imu]]] = {
    "same": (
        "stuck",
        lambda one: changed(one, angular_velocity=(1e-3, 0.0, 0.0), linear_acceleration=(0.0, 0.01, 9.81)),
    ),
    "bias": ("bias", lambda one: changed(one, angular_velocity=tuple(x + 0.03 for x in one.angular_velocity))),
    "scale": ("scale", lambda one: changed(one, linear_acceleration=tuple(x * 0.95 for x in one.linear_acceleration))),
    "axes": ("axes", lambda one: changed(one, linear_acceleration=one.linear_acceleration[::-1])),
}


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_a_fault_in_rest_is_named_in_time(kind: str) -> None:
    name, spoil = FAULTS[kind]
    at_ns = 26 * S
    spoilt = [one if one.stamp_ns < at_ns else spoil(one) for one in unit(31.0)]
    found = list(said(spoilt, imu_watches()))
    watches = imu_watches()
    needs_s = next(watch.needs_s[name] for watch in watches if name in watch.needs_s)
    assert {word for _, word, _ in found} == {name}
    assert at_ns < found[0][0] <= at_ns + (needs_s + 1.0) * S


def test_an_arm_that_turns_has_its_axes_where_they_were() -> None:
    """A turn by a quarter that the gyroscope saw is no swap of axes; the same without its word is one."""
    still = unit(6.0, moves=False)
    messages, honest = [], []
    for i, one in enumerate(unit(18.0, moves=False)):
        time_s = i / 100
        angle = np.pi / 2 * min(1.0, max(0.0, time_s - 8))
        turn = np.pi / 2 if 8 <= time_s < 9 else 0.0
        force = (9.81 * np.sin(angle), 0.0, 9.81 * np.cos(angle))
        noise = still[i % 600].linear_acceleration
        held = tuple(a + b - c for a, b, c in zip(force, noise, (0, 0, 9.81), strict=True))
        silent = changed(one, linear_acceleration=held)
        messages.append(silent)
        x, y, z = one.angular_velocity
        honest.append(changed(silent, angular_velocity=(x, y - turn, z)))
    assert names(honest, [AxesWatch()]) == set()
    assert names(messages, [AxesWatch()]) == {"axes"}


def test_gaps_losses_and_rates() -> None:
    whole = unit(20.0, moves=False)
    hole = [one for one in whole if not 10 * S < one.stamp_ns <= 10 * S + 50 * MS]
    found = list(said(hole, [DeliveryWatch()]))
    assert {name for _, name, _ in found} == {"dropout"}
    assert found[0][0] == 10 * S + 60 * MS
    assert found[-1][0] <= found[0][0] + 2 * S
    assert names([one for one in whole if not 10 * S < one.stamp_ns <= 10 * S + 30 * MS], [DeliveryWatch()]) == set()
    thinned = [one for i, one in enumerate(whole) if i % 7 or i < 500]
    assert names(thinned, [DeliveryWatch()]) == {"dropout"}
    assert names(whole[:1000] + whole[1000::2], [DeliveryWatch()]) == {"rate", "dropout"}
    assert names(whole, [DeliveryWatch(asked_hz=140.0)]) == {"rate"}
    watch = DeliveryWatch()
    for one in whole:
        watch.update(one)
    assert watch.faults(20 * S + 400 * MS) == []
    assert [(fault.name, fault.level) for fault in watch.faults(20 * S + 600 * MS)] == [("dropout", "lost")]
    assert watch.evidence()["rate_hz"] == pytest.approx(100.0, rel=0.01)


def test_saturation_that_was_told_and_that_has_to_be_learned() -> None:
    def clipped(limit: float) -> list[Imu]:
        def clip(one: Imu) -> Imu:
            force = np.clip(np.multiply(one.linear_acceleration, 3), -limit, limit)
            return changed(one, linear_acceleration=tuple(force.tolist()))

        return [clip(one) for one in unit(24.0)]

    assert names(clipped(20.0), [RangeWatch(accel_limit=20.0)]) == {"saturated"}
    assert names(clipped(20.0), [RangeWatch()]) == {"saturated"}
    assert names(clipped(100.0), [RangeWatch(accel_limit=100.0)]) == set()
    assert names(clipped(100.0), [RangeWatch()]) == set()


def test_clocks() -> None:
    assert names(clock_messages(700.0), clock_watches()) == set()  # 56 ms at its crystal's 80 ppm
    assert names(clock_messages(40.0, jump_ms=60.0, at_s=20.0), clock_watches()) == {"desync"}
    assert names(clock_messages(40.0, jump_ms=-60.0, at_s=20.0), clock_watches()) == {"desync"}
    assert names(clock_messages(40.0, jump_ms=30.0, at_s=20.0), clock_watches()) == set()
    assert names(clock_messages(60.0, drift_ppm=2000.0, at_s=20.0), clock_watches()) == {"drift"}
    rng = np.random.default_rng(2)
    radio = [Scalars(stamp_ns=i * S // 2, values={LAG: float(rng.exponential(30.0))}) for i in range(1200)]
    assert names(radio, clock_watches()) == set()  # two samples a second over a slow radio
    assert names([Scalars(stamp_ns=i * S, values={"else": 9e9 * i}) for i in range(9)], [ClockWatch()]) == set()


@given(st.lists(st.integers(0, 90), min_size=2, max_size=200))
def test_the_lag_is_the_least_of_each_period(delays_ms: list[int]) -> None:
    lag, found = ClockLag(), []
    for i, delay_ms in enumerate(delays_ms):
        value = lag.update(i * 10 * MS, i * 10 * MS + delay_ms * MS, i * 10 * MS)
        if value is not None:
            found.append(value)
    expected = [
        min(delays_ms[max(0, i - 9) if i > 10 else 0 : i + 1]) - delays_ms[0] for i in range(10, len(delays_ms), 10)
    ]
    assert found == pytest.approx(expected)


def loud(one: Imu) -> Imu:
    """Return it three times as large, from a unit of a small range."""
    return changed(one, linear_acceleration=tuple(np.clip(np.multiply(one.linear_acceleration, 3), -20, 20).tolist()))


@given(st.integers(1, 2000), st.sampled_from(["fine", "loud", *sorted(FAULTS)]))
@settings(max_examples=16)
@example(1950, "loud")
def test_detectors_that_were_saved_go_on_with_the_same_words(cut: int, kind: str) -> None:
    spoil = FAULTS[kind][1] if kind in FAULTS else loud if kind == "loud" else lambda one: one
    messages = [one if one.stamp_ns < 12 * S and kind != "loud" else spoil(one) for one in unit(20.0)]
    clocks = list(clock_messages(20.0, jump_ms=100.0, at_s=12.0))

    def words(one: Message, watches: list[Watch[Any]]) -> str:
        for watch in watches:
            watch.update(one)
        return str([(watch.faults(one.stamp_ns), dict(watch.evidence())) for watch in watches])

    for make, heard, at in ((IMU.make, messages, cut), (IMU_CLOCK.make, clocks, cut // 11)):
        straight, saved = make(), make()
        for one in heard[:at]:
            words(one, straight)
        for watch, other in zip(straight, saved, strict=True):
            other.load_meta(json.loads(json.dumps(watch.meta())))
        for one in heard[at:]:
            assert words(one, saved) == words(one, straight)


@pytest.mark.slow
def test_recorded_units_every_fault_in_time_and_no_false_alarm(data: Callable[[str], Path]) -> None:
    for name in ("euroc_imu_leica", "imu_xio_fusion", "har_dsads_5imu", "har_gait_3imu", "har_phone_watch"):
        data(name)
    assert os.environ["SELFCUE_DATA"]
    rows, claims = imu_faults(quick=True)
    assert all(claim.holds for claim in claims), [claim.how for claim in claims]
    assert sum(row.fault != "clean" for row in rows) >= 20
    assert sum(row.clean_s for row in rows if row.fault == "clean") > 600
