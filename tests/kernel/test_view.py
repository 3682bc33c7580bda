"""The live view: the same facts in a panel and in plain lines, from messages alone."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from selfcue.messages import AgentStatus, JournalEvent, LearnerStatus, NodeHealth
from selfcue.view.terminal import LiveView


class Wall:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def fly(view: LiveView, wall: Wall) -> None:
    """Feed 20 s of system time in 4 s of the wall's."""
    view.feed("agent/status", AgentStatus(stamp_ns=1, state="STEREO", phase="fly", counts={}))
    for i in range(1, 21):
        wall.now_s = i * 0.2
        stamp_ns = i * 1_000_000_000
        view.feed("depth/status", LearnerStatus(
            stamp_ns=stamp_ns, pair="depth", trust="ok", ready=False, ready_fast=i > 10, frozen=False,
            skill={"abs_rel": 1.0 / i}, counts={"steps": 10 * i},
        ))  # fmt: skip
        if i == 12:
            detail: dict[str, str | int | float | bool] = {
                "previous": "STEREO",
                "state": "MONO_TW",
                "reason": "schedule",
            }
            view.feed("journal", JournalEvent(stamp_ns=stamp_ns, kind="mode", detail=detail))
            view.feed("journal", JournalEvent(stamp_ns=stamp_ns, kind="promotion"))
            view.feed("agent/status", AgentStatus(stamp_ns=stamp_ns, state="MONO_TW", phase="turn", counts={}))
        if i == 15:
            view.feed("journal", JournalEvent(stamp_ns=stamp_ns, kind="collision", detail={"what": "pillar [1]"}))
    health = NodeHealth(
        stamp_ns=20_000_000_000, host="body", nodes=("drone",), rate_hz={"stereo/left/image": 100.0}, drops={"x": 3},
        cpu_share=0.5, rss_bytes=200_000_000,
    )  # fmt: skip
    view.feed("node/health", health)


def test_without_a_terminal_plain_lines_tell_events_and_every_ten_seconds() -> None:
    out, wall = io.StringIO(), Wall()
    with LiveView(title="drone", console=Console(file=out, width=120, highlight=False), wall_s=wall) as view:
        fly(view, wall)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("    10.0 s  STEREO  collisions 0  overrides 0  AbsRel 0.100  steps 100")
    assert "5.0 x real time" in lines[0]
    assert lines[1] == "    12.0 s  mode  STEREO -> MONO_TW: schedule"
    assert lines[2] == "    15.0 s  collision  with pillar [1]"
    assert lines[3].startswith("    20.0 s  MONO_TW  collisions 1")
    assert len(lines) == 4


def test_on_a_terminal_one_panel_shows_state_skill_counts_and_machine() -> None:
    out, wall = io.StringIO(), Wall()
    console = Console(file=out, width=120, height=40, force_terminal=True, color_system=None)
    with LiveView(title="drone", console=console, wall_s=wall) as view:
        fly(view, wall)
        out.truncate(0)
        wall.now_s = 9.0
        view.feed("agent/status", AgentStatus(stamp_ns=20_500_000_000, state="MONO_TW", phase="turn", counts={}))
        shown = out.getvalue()
    for text in (
        "MONO_TW", "collisions 1", "AbsRel 0.050", "READY_FAST", "0.5 cores", "200 MB", "drops 3",
        "stereo/left/image 100 Hz", "with pillar [1]", "STEREO -> MONO_TW: schedule",
    ):  # fmt: skip
        assert text in shown


def test_the_real_time_factor_needs_no_wall_clock_of_its_own() -> None:
    wall = Wall()
    view = LiveView(title="x", console=Console(file=io.StringIO()), wall_s=wall)
    fly(view, wall)
    assert view.real_time_factor == pytest.approx(5.0, rel=0.1)
