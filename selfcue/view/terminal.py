"""The live view of a terminal: one panel that refreshes; plain lines where there is no terminal."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from selfcue.messages import Message
from selfcue.view.flight_state import FlightState

if TYPE_CHECKING:
    from typing_extensions import Self

_REFRESH_S = 0.25
_PLAIN_EVERY_S = 10.0
_SPARK = "▁▂▃▄▅▆▇█"
_STATE_STYLES = {"STEREO": "cyan", "MONO_TW": "yellow", "MONO_ONLY": "magenta", "HOLD": "red", "LAND": "red"}


class LiveView:
    """Shows what a run does while it runs; a context manager, fed from one thread.

    Args:
        title: name of the run.
        console: where to write; None: standard output.
        wall_s: clock for the real-time factor and the refresh (a test hands its own).
    """

    def __init__(
        self, *, title: str, console: Console | None = None, wall_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.state = FlightState()
        self._title = title
        self._console = console or Console(highlight=False)
        self._wall_s = wall_s
        self._begin: tuple[float, int] | None = None
        self._shown_s = -math.inf
        self._told_s = 0.0
        self._errors: list[float] = []
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(self._panel(), console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def feed(self, topic: str, message: Message) -> None:
        """Take one message of a watched topic."""
        event = self.state.take(message)
        if self._begin is None and self.state.now_ns > 0:
            self._begin = (self._wall_s(), self.state.now_ns)
        if topic == "depth/status" and self.state.learner is not None:
            self._errors.append(self.state.learner.skill.get("abs_rel", math.nan))
        if self._live is None:
            self._tell(event)
        elif self._wall_s() - self._shown_s >= _REFRESH_S:
            self._shown_s = self._wall_s()
            self._live.update(self._panel(), refresh=True)

    @property
    def real_time_factor(self) -> float:
        """System's seconds per second of the wall, since the first message (NaN at first)."""
        if self._begin is None:
            return math.nan
        passed = self._wall_s() - self._begin[0]
        return (self.state.now_ns - self._begin[1]) * 1e-9 / passed if passed > 0 else math.nan

    # -- plain lines -----------------------------------------------------------------------------------------------

    def _tell(self, event: str | None) -> None:
        if event is not None:
            stamp_ns, kind, text = self.state.events[-1]
            self._console.print(f"{self.state.seconds(stamp_ns):8.1f} s  {kind}  {text}".rstrip(), markup=False)
        if self.state.seconds(self.state.now_ns) - self._told_s >= _PLAIN_EVERY_S:
            self._told_s = self.state.seconds(self.state.now_ns)
            self._console.print(self._line(), markup=False)

    def _line(self) -> str:
        state, parts = self.state, [f"{self.state.seconds(self.state.now_ns):8.1f} s"]
        if state.agent is not None:
            parts.append(f"{state.agent.state}  collisions {state.collisions}  overrides {state.overrides}")
        if state.learner is not None:
            parts.append(f"AbsRel {_figure(state.learner.skill, 'abs_rel')}  steps {state.learner.counts['steps']}")
        parts.append(f"{self.real_time_factor:.1f} x real time  {state.cores:.1f} cores")
        return "  ".join(parts)

    # -- the panel -------------------------------------------------------------------------------------------------

    def _panel(self) -> Panel:
        state = self.state
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="dim", justify="right")
        rows.add_column()
        clock = f"{state.seconds(state.now_ns):.1f} s   {self.real_time_factor:.1f} x real time"
        rows.add_row("time", "starting …" if self._begin is None else clock)
        if state.agent is not None:
            flown = Text(state.agent.state, style=f"bold {_STATE_STYLES.get(state.agent.state, '')}")
            rows.add_row("flies", Text.assemble(flown, f"  {state.agent.phase}  {state.agent.reason}"))
            rows.add_row("counts", f"collisions {state.collisions}   overrides {state.overrides}")
        if state.learner is not None:
            rows.add_row("student", self._student())
            rows.add_row("learning", Text(_spark(self._errors[-400:]) + "  AbsRel, last figures to the right"))
        if state.health:
            used = f"{state.cores:.1f} cores   {state.resident_bytes / 1e6:.0f} MB resident   drops {state.drops}"
            rows.add_row("machine", used)
            rates = {topic: hz for one in state.health.values() for topic, hz in one.rate_hz.items() if hz > 0}
            shown = ("stereo/left/image", "depth/student", "depth/trusted", "cmd/safe")
            told = "   ".join(f"{topic} {rates[topic]:.0f} Hz" for topic in shown if topic in rates)
            rows.add_row("rates", Text(told + "  (per second of the wall)" if told else ""))
        events = [Text(f"{state.seconds(ns):8.1f} s  {kind}  {text}") for ns, kind, text in state.events]
        return Panel(Group(rows, Text(), *events), title=f"selfcue {self._title}", subtitle="Ctrl-C stops and saves")

    def _student(self) -> str:
        learner = self.state.learner
        assert learner is not None
        ready = "READY" if learner.ready else "READY_FAST" if learner.ready_fast else "not proved ready"
        return (
            f"AbsRel {_figure(learner.skill, 'abs_rel')}   steps {learner.counts['steps']}   "
            f"{ready}   trust {learner.trust}{'   frozen' if learner.frozen else ''}"
        )


def _figure(skill: dict[str, float], name: str) -> str:
    value = skill.get(name, math.nan)
    return "-" if math.isnan(value) else f"{value:.3f}"


def _spark(values: list[float], width: int = 40) -> str:
    """Return a line of bars, low for small values; the newest value is the last."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    step = max(1, math.ceil(len(known) / width))
    bins = [sum(known[i : i + step]) / len(known[i : i + step]) for i in range(0, len(known), step)]
    low, high = min(bins), max(bins)
    span = (high - low) or 1.0
    return "".join(_SPARK[round((value - low) / span * (len(_SPARK) - 1))] for value in bins)
