"""A scanner's clock followed by its packets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.sensors.lidar.packet_clock import PacketClock

MS = 1_000_000


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1 << 20), st.integers(-(10**15), 10**15), st.floats(-200, 200), st.floats(0.2, 8.0))
def test_a_scanners_clock_is_known_to_the_least_delay(seed: int, ahead_ns: int, ppm: float, jitter_ms: float) -> None:
    """Five seconds of packets that come 0.3 ms after they were measured and later, as a busy machine has it."""
    rng = np.random.default_rng(seed)
    clock = PacketClock()
    begun_ns = ours_ns = 10**18
    for k in range(754 * 5):
        ours_ns = begun_ns + round(k * 1.327 * MS)
        theirs_ns = round((ours_ns - begun_ns) * (1 + ppm * 1e-6)) + ahead_ns
        clock.heard(theirs_ns, ours_ns + round((0.3 + rng.exponential(jitter_ms)) * MS))
    theirs_ns = round((ours_ns - begun_ns - 100 * MS) * (1 + ppm * 1e-6)) + ahead_ns
    error_ms = (clock.ours(theirs_ns, ours_ns) - (ours_ns - 100 * MS)) / MS
    assert 0.3 - 0.6 < error_ms < 0.3 + 0.6 + 0.1 * jitter_ms


def test_a_turn_is_never_later_than_it_came() -> None:
    clock = PacketClock()
    assert clock.ours(5, 77) == 77  # nothing is known yet
    clock.heard(1000 * MS, 50 * MS)
    assert clock.ours(1000 * MS, 60 * MS) == 50 * MS
    assert clock.ours(1000 * MS, 40 * MS) == 40 * MS
    clock.begin_anew()
    assert clock.ours(1000 * MS, 60 * MS) == 60 * MS
    clock.heard(3 * MS, 9 * MS)
    assert clock.ours(3 * MS, 60 * MS) == pytest.approx(9 * MS)
    assert clock.uncertainty_ns > 0
