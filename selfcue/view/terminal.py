"""The live view of a run: a panel that renews itself on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from selfcue.messages import Message
from selfcue.view.glance import Glance, sentence

if TYPE_CHECKING:
    from typing_extensions import Self

_RENEW_S = 0.25
_SPEED_S = 2.0
_SHOWN_SKILLS = 6
_SHOWN_RATES = ("stereo/left/image", "depth/trusted", "depth/student", "cmd/safe", "odom")


class LiveView:
    """Feed it with messages while a run goes on; use it as a context.

    On a terminal a panel shows state, skill, collisions, rates, processor and memory. Without one there is a plain line
    every ``every_s`` seconds of the system's time, and at each change of who flies.

    Args:
        title: name of the run.
        every_s: time between plain lines.
        output: where it goes; standard output by default.
        wall_s: the clock on the wall [s], for the real-time factor and the pace of the panel alone.
    """

    def __init__(
        self,
        title: str = "",
        *,
        every_s: float = 10.0,
        output: TextIO | None = None,
        wall_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.glance = Glance()
        self._title = title
        self._every_s = every_s
        self._output = output if output is not None else sys.stdout
        self._wall_s = wall_s
        self._live: Any = None
        self._next_line_s: float | None = None
        self._renewed_s = -1.0
        self._mark: tuple[float, float] | None = None  # wall and system time at which the speed was last taken
        self._speed: float | None = None

    def __enter__(self) -> Self:
        if self._output.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(file=self._output), auto_refresh=False, transient=True)
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._renew()
            self._live.__exit__(kind, error, trace)
            self._live = None

    def feed(self, topic: str, message: Message) -> None:  # noqa: ARG002 - the type says what it is
        """Take in one message and show what has become of the run."""
        news = self.glance.take(message)
        if self._live is None:
            self._write_line(news=news)
            return
        wall_s = self._wall_s()
        self._take_speed(wall_s)
        if news or wall_s - self._renewed_s >= _RENEW_S:
            self._renewed_s = wall_s
            self._renew()

    def _take_speed(self, wall_s: float) -> None:
        now_s = self.glance.seconds
        if self._mark is None:
            self._mark = wall_s, now_s
        elif wall_s - self._mark[0] >= _SPEED_S:
            self._speed = (now_s - self._mark[1]) / (wall_s - self._mark[0])
            self._mark = wall_s, now_s

    # -- plain lines -----------------------------------------------------------------------------------------------

    def _write_line(self, *, news: bool) -> None:
        now_s = self.glance.seconds
        if self._next_line_s is None:
            self._next_line_s = now_s + self._every_s
            due = False
        else:
            due = now_s >= self._next_line_s
        if not (due or news):
            return
        while self._next_line_s <= now_s:
            self._next_line_s += self._every_s
        print(self.line(), file=self._output, flush=True)

    def line(self) -> str:
        """Return the run's state as one plain line."""
        glance = self.glance
        parts = [f"{glance.seconds:7.1f} s"]
        if glance.agent is not None:
            counts = glance.agent.counts
            parts += [
                f"{glance.agent.state:<9}",
                f"collisions {counts.get('collisions', 0)}",
                f"overrides {counts.get('overrides', 0)}",
            ]
        if glance.learner is not None:
            parts.append(f"steps {glance.learner.counts.get('steps', 0)}")
            parts += [f"{name} {value:.3g}" for name, value in list(glance.skill().items())[:3]]
        if glance.health:
            parts.append(f"cpu {glance.cpu_cores():.2f} cores, {glance.rss_bytes() / 1e6:.0f} MB")
        if glance.events and glance.events[-1].stamp_ns >= glance.now_ns - 50_000_000:
            parts.append(sentence(glance.events[-1]))
        return " | ".join(parts)

    # -- the panel -------------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        self._live.update(self.panel(), refresh=True)

    def panel(self) -> Any:
        """Return the run's state as a panel of rich."""
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        from selfcue.report.style import WORDS

        glance = self.glance
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", justify="right", no_wrap=True)
        grid.add_column()
        speed = f"   {self._speed:.1f} x real time" if self._speed is not None else ""
        grid.add_row("time", f"{glance.seconds:.1f} s{speed}")
        if glance.agent is not None:
            agent = glance.agent
            state = Text(agent.state, style=_STYLES.get(agent.state, "bold"))
            grid.add_row("state", state + Text(f"   {WORDS.get(agent.state, '')}, {agent.phase}", style="default"))
            counts = agent.counts
            grid.add_row(
                "so far",
                f"collisions {counts.get('collisions', 0)}   overrides {counts.get('overrides', 0)}   "
                f"misses {counts.get('misses', 0)}",
            )
        if glance.learner is not None:
            learner = glance.learner
            ready = "ready" if learner.ready else "ready (fast)" if learner.ready_fast else "not proved ready"
            frozen = ", not learning" if learner.frozen else ""
            grid.add_row("student", f"{learner.counts.get('steps', 0)} steps, {ready}{frozen}; stereo {learner.trust}")
            shown = list(glance.skill().items())[:_SHOWN_SKILLS]
            if shown:
                grid.add_row("skill", "   ".join(f"{name} {value:.3g}" for name, value in shown))
        if glance.health:
            rates = glance.rates()
            shown_rates = [f"{topic} {rates[topic]:.0f}" for topic in _SHOWN_RATES if topic in rates]
            if shown_rates:
                grid.add_row("messages/s", "   ".join(shown_rates))
            drops = f"   dropped {glance.drops()}" if glance.drops() else ""
            memory = glance.rss_bytes() / 1e6
            grid.add_row("machine", f"{glance.cpu_cores():.2f} cores   {memory:.0f} MB resident{drops}")
        for i, event in enumerate(glance.events):
            words = Text(f"{event.stamp_ns / 1e9:7.1f} s  {sentence(event)}", no_wrap=True, overflow="ellipsis")
            grid.add_row("lately" if i == 0 else "", words)
        return Panel(grid, title=self._title, title_align="left", border_style="blue")


_STYLES = {
    "STEREO": "bold blue",
    "MONO_TW": "bold yellow",
    "MONO_ONLY": "bold green",
    "HOLD": "bold red",
    "LAND": "bold red",
}
