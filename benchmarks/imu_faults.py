"""Faults of inertial units, put into recordings of real ones: found in time, and nothing found where nothing is wrong.

Clean is what holds the method table's own limits. Some recorded units do not: EuRoC's gyroscope has a bias of 0.08
rad/s (taken off here), DSADS' unit on the torso one of 0.02 to 0.03 rad/s, the left foot's unit of the gait recordings
measures 10.0 to 10.5 m/s^2 at rest (the one on the back of person s15 10.1 to 10.2), and the phone's gyroscope has a
bias of 0.035 rad/s. Those are heard as they are, as faults that came with the data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from selfcue.benchmarks.fault_table import FaultRow, fault_claims
from selfcue.benchmarks.imu_recordings import DSADS_FROZEN, Recording, dsads, euroc, gait, phone_watch, xio
from selfcue.benchmarks.result import Claim
from selfcue.errors import MissingDependencyError
from selfcue.messages import Message, Scalars
from selfcue.sensors.imu.clock_lag import ClockLag
from selfcue.sensors.imu.clock_watch import LAG
from selfcue.sensors.imu.rest import rests
from selfcue.sensors.imu.watches import clock_watches, imu_watches
from selfcue.sensors.watch import Watch

ALLOWED_S = 1.0
TWO_G = 19.6133
_TICK_NS = 50_000_000
_MOVING_S = 60.0
"""Into the recordings, where the unit moves."""

Spoil = Callable[[Recording, int], Recording]


@dataclass(frozen=True)
class Case:
    """A fault: its name, what must be said of it, what is done to a recording from sample i on.

    ``at_rest``: it begins in the recording's longest rest. ``limits``: told to the detectors.
    """

    name: str
    said: str
    spoil: Spoil
    at_rest: bool = False
    accel_limit: float = 0.0


def imu_faults(*, quick: bool) -> tuple[list[FaultRow], list[Claim]]:
    """Return rows and claims of inertial units.

    Raises:
        MissingDependencyError: the recordings are not here.
    """
    root = os.environ.get("SELFCUE_DATA")
    if not root:
        raise MissingDependencyError("the recordings are not here: set SELFCUE_DATA to the folder that holds them")
    data = Path(root)
    flight, hand = euroc(data).unbiased(), xio(data)
    rows = [_found(case, hand if case.at_rest else flight) for case in cases()]
    rows += [_clean(one) for one in (flight, hand)]
    rows += [_clean_set(name, found) for name, found in _worn(data, quick=quick)]
    rows += [_real(*one) for one in _came_with(data)]
    rows += _clock_rows(seconds=120.0 if quick else 1200.0)
    return rows, fault_claims("imu", rows)


def cases() -> list[Case]:
    """Return the faults of the table that one unit alone can show."""
    return [
        Case("saturated, range told", "saturated", _shaken, accel_limit=TWO_G),
        Case("saturated, range unknown", "saturated", _shaken),
        Case("stuck", "stuck", _stuck),
        Case("one axis stuck", "stuck", _axis_stuck),
        Case("silent", "dropout", lambda one, i: _without(one, _span(one, i, 3.0))),
        Case("a gap of 60 ms", "dropout", lambda one, i: _without(one, _span(one, i, 0.06))),
        Case("15 % missing", "dropout", lambda one, i: _without(one, _some(one, i, 0.15))),
        Case("half the rate", "rate", lambda one, i: _without(one, np.arange(i, len(one.stamps_ns), 2))),
        Case("bias of 0.03 rad/s", "bias", _biased, at_rest=True),
        Case("4 % too long", "scale", lambda one, i: _accel(one, i, one.accel[i:] * 1.04), at_rest=True),
        Case("4 % too short", "scale", lambda one, i: _accel(one, i, one.accel[i:] * 0.96), at_rest=True),
        Case("axes x y z -> y z x", "axes", lambda one, i: _turned(one, i, [1, 2, 0], [1, 1, 1]), at_rest=True),
        Case("mounted upside down", "axes", lambda one, i: _turned(one, i, [0, 1, 2], [1, -1, -1]), at_rest=True),
    ]


# -- what is done to a recording ---------------------------------------------------------------------------------------


def _accel(one: Recording, i: int, accel: Any) -> Recording:
    return replace(one, accel=np.concatenate([one.accel[:i], accel]))


def _shaken(one: Recording, i: int) -> Recording:
    """Return it from a unit of +-2 g that is shaken by 4 g at 5 Hz from sample ``i`` on."""
    time_s = (one.stamps_ns[i:] - one.stamps_ns[i]) * 1e-9
    shaken = one.accel[i:] + 2 * TWO_G * np.sin(2 * np.pi * 5 * time_s)[:, None] * np.array([0.6, 0.3, 1.0])
    return replace(one, accel=np.clip(np.concatenate([one.accel[:i], shaken]), -TWO_G, TWO_G))


def _stuck(one: Recording, i: int) -> Recording:
    accel, gyro = one.accel.copy(), one.gyro.copy()
    accel[i:], gyro[i:] = accel[i], gyro[i]
    return replace(one, accel=accel, gyro=gyro)


def _axis_stuck(one: Recording, i: int) -> Recording:
    accel = one.accel.copy()
    accel[i:, 1] = accel[i, 1]
    return replace(one, accel=accel)


def _biased(one: Recording, i: int) -> Recording:
    gyro = one.gyro.copy()
    gyro[i:, 1] += 0.03
    return replace(one, gyro=gyro)


def _turned(one: Recording, i: int, order: list[int], signs: list[int]) -> Recording:
    accel, gyro = one.accel.copy(), one.gyro.copy()
    accel[i:], gyro[i:] = accel[i:, order] * signs, gyro[i:, order] * signs
    return replace(one, accel=accel, gyro=gyro)


def _span(one: Recording, i: int, seconds: float) -> Any:
    return np.arange(i, np.searchsorted(one.stamps_ns, one.stamps_ns[i] + round(seconds * 1e9)))


def _some(one: Recording, i: int, share: float) -> Any:
    rng = np.random.default_rng(0)
    return i + np.flatnonzero(rng.random(len(one.stamps_ns) - i) < share)


def _without(one: Recording, rows: Any) -> Recording:
    kept = np.ones(len(one.stamps_ns), dtype=bool)
    kept[rows] = False
    return replace(one, stamps_ns=one.stamps_ns[kept], accel=one.accel[kept], gyro=one.gyro[kept])


# -- what detectors say ------------------------------------------------------------------------------------------------


def heard(messages: Iterable[Message], watches: Sequence[Watch[Any]]) -> Iterator[tuple[int, str]]:
    """Yield (time, name of the fault) whenever a detector says something: after each message, and 20 times a second."""
    last_ns: int | None = None
    for message in messages:
        if last_ns is not None:
            for tick_ns in range(last_ns + _TICK_NS, message.stamp_ns, _TICK_NS):
                for watch in watches:
                    yield from ((tick_ns, fault.name) for fault in watch.faults(tick_ns))
        last_ns = message.stamp_ns
        for watch in watches:
            watch.update(message)
            yield from ((last_ns, fault.name) for fault in watch.faults(last_ns))


def _needs_s(name: str) -> float:
    return next(watch.needs_s[name] for watch in [*imu_watches(), *clock_watches()] if name in watch.needs_s)


def _row(fault: str, said: str, at_ns: int, words: Iterable[tuple[int, str]], clean_s: float, data: str) -> FaultRow:
    """Return the row of one fault: what was said before it is a false alarm, the first right word after it finds it."""
    found, after_s, alarms = "", None, 0
    for now_ns, name in words:
        if now_ns < at_ns:
            alarms += 1
        elif name == said:
            found, after_s = name, (now_ns - at_ns) * 1e-9
            break
    needs_s = _needs_s(said)
    return FaultRow("imu", fault, found, needs_s, after_s, needs_s + ALLOWED_S, clean_s, alarms, data)


def _found(case: Case, one: Recording) -> FaultRow:
    if case.at_rest:
        longest = max(rests(one.stamps_ns, one.accel, one.gyro), key=lambda rest: rest.end_ns - rest.start_ns)
        at_ns = longest.start_ns + 2_000_000_000
    else:
        at_ns = int(one.stamps_ns[0]) + round(_MOVING_S * 1e9)
    i = int(np.searchsorted(one.stamps_ns, at_ns))
    at_ns = int(one.stamps_ns[i])
    spoilt = case.spoil(one, i)
    words = heard(spoilt.messages(), imu_watches(accel_limit=case.accel_limit))
    return _row(case.name, case.said, at_ns, words, (at_ns - int(one.stamps_ns[0])) * 1e-9, one.name)


def _clean(one: Recording) -> FaultRow:
    said = list(heard(one.messages(), imu_watches()))
    name = said[0][1] if said else ""
    return FaultRow("imu", "clean", name, 0.0, None, 0.0, one.seconds, len({word for _, word in said}), one.name)


def _clean_set(name: str, found: Iterable[Recording]) -> FaultRow:
    """Return one row for many recordings, each heard by detectors of its own."""
    rows = [_clean(one) for one in found]
    said = next((row.found for row in rows if row.found), "")
    seconds, alarms = sum(row.clean_s for row in rows), sum(row.false_alarms for row in rows)
    return FaultRow("imu", "clean", said, 0.0, None, 0.0, seconds, alarms, f"{name}, {len(rows)} recordings")


def _worn(data: Path, *, quick: bool) -> Iterator[tuple[str, Iterator[Recording]]]:
    """Yield the worn units that keep the table's limits."""
    most = 12 if quick else None
    people = (one for one in dsads(data) if "torso" not in one.name and not any(x in one.name for x in DSADS_FROZEN))
    yield "har_dsads_5imu arms and legs", islice(people, most)
    walkers = (one for one in gait(data) if "unit 1" not in one.name and not _long_back(one))
    yield "har_gait_3imu back and right foot", islice(walkers, most)
    yield "har_phone_watch watch", islice((one for one in phone_watch(data) if "watch" in one.name.split()), most)


def _long_back(one: Recording) -> bool:
    return one.name.startswith("har_gait_3imu s15") and one.name.endswith("unit 0")


def _came_with(data: Path) -> Iterator[tuple[str, str, Recording]]:
    """Yield faults that the recorded units really have: in words, what must be said, where."""
    yield "real: bias of 0.08 rad/s", "bias", euroc(data)
    yield "real: 5 % too long", "scale", next(one for one in gait(data) if one.name == "har_gait_3imu s07 4 unit 1")
    yield "real: 3.5 % too long", "scale", next(one for one in gait(data) if one.name == "har_gait_3imu s15 5 unit 0")
    frozen = next(one for one in dsads(data) if one.name == "har_dsads_5imu s1 ascending_stairs right_leg")
    yield "real: frozen recording", "stuck", frozen
    yield (
        "real: bias of 0.035 rad/s",
        "bias",
        next(one for one in phone_watch(data) if one.name == "har_phone_watch s04 1 phone"),
    )


def _real(fault: str, said: str, one: Recording) -> FaultRow:
    """Return the row of a fault that came with the data: it begins with the first rest, or the first repeated row."""
    if said == "stuck":
        same = (np.diff(one.accel, axis=0) == 0).all(axis=1) & (np.diff(one.gyro, axis=0) == 0).all(axis=1)
        at_ns = int(one.stamps_ns[np.flatnonzero(same)[0]])
    else:
        long = (
            rest for rest in rests(one.stamps_ns, one.accel, one.gyro) if rest.end_ns - rest.start_ns > 1_800_000_000
        )
        at_ns = next(long).start_ns
    return _row(fault, said, at_ns, heard(one.messages(), imu_watches()), 0.0, one.name)


# -- clocks ------------------------------------------------------------------------------------------------------------


def clock_messages(
    seconds: float, *, jump_ms: float = 0.0, drift_ppm: float = 0.0, at_s: float = 0.0
) -> Iterator[Scalars]:
    """Yield what ``TOPIC/clock`` says of a unit at 100 Hz over a wireless link.

    Its crystal runs 80 ppm fast; samples take 2 ms and an exponential time of 4 ms, and each 7 s the link holds them up
    for 0.3 s. From ``at_s`` on the clock is set by ``jump_ms``, or runs ``drift_ppm`` fast on top.
    """
    rng = np.random.default_rng(4)
    lag = ClockLag()
    for i in range(round(seconds * 100)):
        ours_ns = i * 10_000_000
        time_s = ours_ns * 1e-9
        device_ns = round(ours_ns * (1 + 80e-6)) + 5_000_000_000
        if time_s >= at_s:
            device_ns += round(jump_ms * 1e6 + drift_ppm * 1e3 * (time_s - at_s))
        delay_s = 0.002 + rng.exponential(0.004) + max(0.0, 0.3 - time_s % 7.0)
        lag_ms = lag.update(device_ns, ours_ns + round(delay_s * 1e9), ours_ns)
        if lag_ms is not None:
            yield Scalars(stamp_ns=ours_ns, values={LAG: lag_ms})


def _clock_rows(seconds: float) -> list[FaultRow]:
    data = "made-up wireless link, delays of 2 ms to 0.3 s"
    said = [name for _, name in heard(clock_messages(seconds), clock_watches())]
    rows = [FaultRow("imu", "clean", said[0] if said else "", 0.0, None, 0.0, seconds, len(set(said)), data)]
    for name, word, spoilt in (
        ("clock set by +100 ms", "desync", {"jump_ms": 100.0}),
        ("clock set by -100 ms", "desync", {"jump_ms": -100.0}),
        ("clock 2000 ppm fast", "drift", {"drift_ppm": 2000.0}),
        ("clock 2000 ppm slow", "drift", {"drift_ppm": -2000.0}),
    ):
        words = heard(clock_messages(100.0, at_s=61.03, **spoilt), clock_watches())
        rows.append(_row(name, word, 61_030_000_000, words, 61.0, data))
    return rows
