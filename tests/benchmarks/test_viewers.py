"""The benchmark of viewers sees a publisher that waits, and tells it from one that a busy machine pushes aside."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from selfcue.benchmarks.viewers import ALONE, FULL, Effort, Stretch, claims, delays, table
from selfcue.benchmarks.viewers_node import COLUMNS, publish_until
from selfcue.bus import Bus


def rows_of(*, begin_s: float, late_ms: float = 0.1, publish_ms: float = 0.2) -> np.ndarray:
    rows = np.zeros((100, len(COLUMNS)))
    rows[:, 0] = begin_s + np.arange(100) * 0.01
    rows[:, 1], rows[:, 2], rows[:, 3] = late_ms, publish_ms, publish_ms
    return rows


STRETCHES = [Stretch(0, ALONE, "", 0.0, 1.0), Stretch(0, "status page", "stopped", 1.0, 2.0)]
ONCE = Effort(1.0, 1)


def test_a_viewer_that_costs_nothing_holds_and_the_table_has_both() -> None:
    rows = np.concatenate([rows_of(begin_s=0.0), rows_of(begin_s=1.0)])
    assert all(claim.holds for claim in claims(STRETCHES, rows, ONCE))
    alone, page = table(STRETCHES, rows)
    assert (alone["messages"], page["messages"]) == (100, 100)
    assert page["publish p99 ms"] == pytest.approx(0.2)


def test_a_call_that_waits_for_a_viewer_is_a_miss_however_few_there_are() -> None:
    rows = np.concatenate([rows_of(begin_s=0.0), rows_of(begin_s=1.0)])
    rows[150:152, 2:4] = 40.0
    delayed, publish, late = claims(STRETCHES, rows, ONCE)
    assert (delayed.value, delayed.holds) == (2.0, False)
    assert not publish.holds  # two in a hundred are its p99
    assert late.holds
    rows[150:152, 3] = 0.2  # pushed aside by others
    assert claims(STRETCHES, rows, ONCE)[0].holds


def test_what_is_slow_without_a_viewer_too_is_not_the_viewers() -> None:
    rows = np.concatenate([rows_of(begin_s=0.0, late_ms=9.0), rows_of(begin_s=1.0, late_ms=9.5)])
    late = claims(STRETCHES, rows, ONCE)[2]
    assert late.value == pytest.approx(0.5)
    assert late.holds


def test_without_any_message_nothing_holds() -> None:
    assert not any(claim.holds for claim in claims(STRETCHES, rows_of(begin_s=5.0), FULL))


def test_the_node_publishes_at_its_rates_and_sees_a_publish_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    real, number = Bus.publish, 0

    def slow(self: Bus, topic: str, *rest: object, **more: object) -> object:
        nonlocal number
        number += 1
        if number == 20:
            time.sleep(0.005)
        if number == 60:
            ended.set()
        return real(self, topic, *rest, **more)  # type: ignore[arg-type]

    ended = threading.Event()
    monkeypatch.setattr(Bus, "publish", slow)
    rows = publish_until(ended)
    assert rows.shape == (60, len(COLUMNS))
    assert delays(rows[19:20], 0.0) == 1
    assert rows[19, 3] >= 5.0
    assert (rows[:, 3] <= rows[:, 2]).all()
    assert 4 <= rows[:, 4].sum() <= 14  # pictures: 30 of 230 messages a second
    assert (np.diff(rows[:, 0]) > 0).all()
