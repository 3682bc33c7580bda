"""``selfcue top``: processes, topics and what is wrong, renewed every second."""

from __future__ import annotations

import json
import time
from typing import Any

import psutil
import typer

from selfcue import health
from selfcue.commands.listen import NOBODY, cards_present, tool_bus
from selfcue.errors import BadInputError
from selfcue.health import SIGN_TOPIC
from selfcue.launcher import STATUS_TOPIC
from selfcue.view.overview import Overview

_ONCE_S = 2.6  # two words of everybody, and so one measured rate


def top(
    once: bool = typer.Option(False, "--once", help="Listen for a moment, print once, and end."),
    as_json: bool = typer.Option(False, "--json", help="Print once, as one JSON object, and end."),
) -> None:
    """Show every process, topic and node of the running system: use, rates asked for and measured, ages, drops.

    What is stale or slow comes first. Ctrl-C ends it; the system does not notice.
    """
    if not cards_present():
        raise BadInputError(f"nothing to show: {NOBODY}")
    overview = Overview()
    with tool_bus() as bus:
        for topic in (SIGN_TOPIC, health.TOPIC, STATUS_TOPIC):
            bus.subscribe(topic)
        if not once and not as_json:
            _renew(bus, overview)
            return
        deadline = time.monotonic() + _ONCE_S
        while time.monotonic() < deadline:
            _listen(bus, overview)
    if as_json:
        found = {"processes": overview.processes(_present()), "health": overview.parts()}
        typer.echo(json.dumps({**found, "temperatures_c": temperatures()}))
    else:
        from rich.console import Console

        Console().print(_picture(overview))


def _present() -> list[str]:
    return [card.name for card in cards_present() if card.nodes]


def _listen(bus: Any, overview: Overview) -> None:
    bus.connect_present(every_s=0.25)
    bus.forget_gone()
    for one in bus.poll(0.1):
        overview.take(one.message)


def _renew(bus: Any, overview: Overview) -> None:
    from rich.live import Live

    with Live(auto_refresh=False) as live:
        drawn_s = 0.0
        while True:
            _listen(bus, overview)
            if time.monotonic() - drawn_s >= 1.0:
                drawn_s = time.monotonic()
                live.update(_picture(overview), refresh=True)


def _picture(overview: Overview) -> Any:
    from rich.console import Group
    from rich.table import Table

    processes = Table("process", "state", "pid", "cpu", "MB", "drops", "restarts", "nodes", box=None)
    for row in overview.processes(_present()):
        colour = "green" if row["state"] in ("up", "ended") else "red"
        cpu = "" if row["cpu_share"] is None else f"{row['cpu_share']:.2f}"
        memory = "" if row["rss_bytes"] is None else f"{row['rss_bytes'] / 1e6:.0f}"
        words = [cpu, memory, row["drops"], row["restarts"], ", ".join(row["nodes"])]
        processes.add_row(row["process"], f"[{colour}]{row['state']}[/]", str(row["pid"]), *map(_word, words))
    parts = Table("", "name", "level", "asked Hz", "Hz", "age s", "drops", "degC", "process", "", box=None)
    for row in overview.parts():
        colour = {"ok": "green", "slow": "yellow", "stale": "red"}[row["level"]]
        figures = [
            row["asked_hz"] or None,
            row["measured_hz"],
            row["age_s"],
            row["drops"] or None,
            row["temperature_c"],
        ]
        level = f"[{colour}]{row['level']}[/]"
        parts.add_row(row["kind"], row["name"], level, *map(_word, figures), row["process"], row["reason"])
    warm = "  ".join(f"{name} {degrees:.0f} degC" for name, degrees in temperatures().items())
    return Group(processes, "", parts, *([f"\n{warm}"] if warm else []))


def _word(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def temperatures() -> dict[str, float]:
    """Return the machine's own thermometers, where it has some, by name [degrees Celsius]."""
    sensors: dict[str, list[Any]] = getattr(psutil, "sensors_temperatures", dict)()
    return {f"{chip} {one.label}".strip(): one.current for chip, found in sorted(sensors.items()) for one in found}
