"""The live view: plain lines that depend on messages alone, and a panel that shows what there is."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest

from selfcue.messages import AgentStatus, JournalEvent, LearnerStatus, Message, NodeHealth
from selfcue.view.glance import Glance
from selfcue.view.terminal import LiveView

S = 1_000_000_000


def agent(t_s: float, state: str = "STEREO", **counts: int) -> AgentStatus:
    return AgentStatus(stamp_ns=round(t_s * S), state=state, phase="fly", counts=counts)  # type: ignore[arg-type]


def learner(t_s: float, steps: int = 7, auc: float = float("nan")) -> LearnerStatus:
    return LearnerStatus(
        stamp_ns=round(t_s * S), pair="depth", trust="ok", ready=False, ready_fast=True, frozen=False,
        skill={"abs_rel": 0.25, "auc": auc}, counts={"steps": steps},
    )  # fmt: skip


def health(t_s: float, host: str, cpu: float, rss_mb: int) -> NodeHealth:
    return NodeHealth(
        stamp_ns=round(t_s * S), host=host, nodes=("a",), rate_hz={"cmd/safe": 40.0}, drops={"x queue": 2},
        cpu_share=cpu, rss_bytes=rss_mb * 1_000_000,
    )  # fmt: skip


def event(t_s: float, kind: str, **detail: str | float) -> JournalEvent:
    return JournalEvent(stamp_ns=round(t_s * S), kind=kind, detail=detail)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(messages: Sequence[Message], **options: float) -> list[str]:
    output = io.StringIO()
    with LiveView("a run", output=output, **options) as view:  # type: ignore[arg-type]
        for message in messages:
            view.feed("topic", message)
    return output.getvalue().splitlines()


def test_plain_lines_come_every_ten_seconds_of_system_time_and_at_each_change_of_state() -> None:
    told = [agent(t / 2) for t in range(61)]  # 0 to 30 s
    found = lines(told)
    assert [line.split(" s ")[0].strip() for line in found] == ["0.0", "10.0", "20.0", "30.0"]
    changed = lines([*told[:10], agent(5.0, "MONO_TW"), agent(5.5, "MONO_TW")])
    assert len(changed) == 2
    assert "MONO_TW" in changed[-1]


def test_plain_lines_depend_on_messages_alone() -> None:
    told: list[Message] = []
    for t in range(40):
        told += [agent(t, overrides=t), learner(t, steps=t), health(t, "agent", 0.3, 90)]
    assert lines(told) == lines(told)


def test_a_line_says_what_matters() -> None:
    output = io.StringIO()
    view = LiveView(output=output)
    for message in (
        learner(1, steps=12, auc=0.9), health(1, "agent", 0.25, 60), health(1, "perception", 0.75, 400),
        event(2, "fault", sensor="stereo_right"), agent(2, "MONO_ONLY", collisions=3, overrides=5),
    ):  # fmt: skip
        view.feed("topic", message)
    line = view.line()
    for word in ("2.0 s", "MONO_ONLY", "collisions 3", "overrides 5", "steps 12", "auc 0.9", "1.00 cores", "460 MB"):
        assert word in line
    assert "stereo_right" in line
    assert "\x1b" not in output.getvalue()


def test_faults_are_news_and_small_talk_is_not() -> None:
    output = [agent(0), event(1, "skill", auc=0.5), event(2, "fault", sensor="stereo_right"), event(3, "promotion")]
    found = lines(output)
    assert len(found) == 2
    assert "fault: sensor stereo_right" in found[1]


def test_figures_that_are_not_known_yet_are_left_out() -> None:
    glance = Glance()
    glance.take(learner(1))
    assert glance.skill() == {"abs_rel": 0.25}


def test_machine_figures_are_summed_over_processes_and_the_newest_counts() -> None:
    glance = Glance()
    for message in (health(1, "a", 0.5, 100), health(2, "a", 0.7, 120), health(2, "b", 0.1, 30)):
        glance.take(message)
    assert glance.cpu_cores() == pytest.approx(0.8)
    assert glance.rss_bytes() == 150_000_000
    assert glance.drops() == 4


def test_on_a_terminal_a_panel_shows_state_speed_skill_and_machine() -> None:
    wall_s = iter(x / 10 for x in range(1000))
    output = Terminal()
    with LiveView("drone_depth", output=output, wall_s=lambda: next(wall_s)) as view:
        for t in range(60):  # system time runs five times as fast as the wall's
            view.feed("agent/status", agent(t / 2, "MONO_TW", collisions=1, overrides=2, misses=1))
        view.feed("depth/status", learner(30, auc=0.875))
        view.feed("node/health", health(30, "agent", 0.5, 100))
        view.feed("journal", event(30, "override", teacher_m=0.7))
    shown = output.getvalue()
    state = ("drone_depth", "MONO_TW", "student flies, stereo overrides", "5.0 x real time", "collisions 1")
    learning = ("auc 0.875", "ready (fast)", "override: teacher_m 0.7")
    machine = ("0.50 cores", "cmd/safe 40", "dropped 2")
    for word in (*state, *learning, *machine):
        assert word in shown, word


def test_a_view_without_messages_opens_and_closes() -> None:
    assert lines([]) == []
    output = Terminal()
    with LiveView(output=output):
        pass
