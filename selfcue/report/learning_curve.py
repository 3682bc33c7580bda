"""Picture: how the student got better, who flew, and what went wrong, over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from selfcue.report.flight_figures import FlightFigures
from selfcue.report.style import COLLISION, COLOURS, OVERRIDE, STUDENT, TEACHER, WORDS, draw

_WINDOW_S = 20.0
_BIN_S = 30.0
_SKILLS = (
    ("auc", "obstacle AUC", "#222222"),
    ("hit_bound", "approaches seen, lower bound", "#01665e"),
    ("inside", "within the tolerance", "#8c510a"),
)
_MARKS = (("ready", "^", "#1a9850", "ready"), ("unready", "v", "#d73027", "no longer ready"),
          ("rollback", "x", "#762a83", "rolled back"))  # fmt: skip


def draw_learning_curve(figures: FlightFigures, path: Path) -> Path:
    """Draw errors, the engine's own figures and events against time to ``path`` (PNG)."""
    return draw(path, 9.0, 7.0, lambda figure: _paint(figure, figures))


def _paint(figure: Any, figures: FlightFigures) -> None:
    errors, skills, events = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 1.6))
    _paint_errors(errors, figures)
    _paint_skills(skills, figures)
    _paint_events(events, figures)
    events.set_xlabel("simulated time [s]")
    for axes in (errors, skills, events):
        _paint_states(axes, figures)
        axes.set_xlim(figures.start_s, max(figures.end_s, figures.start_s + 1))
    figure.align_ylabels()
    handles, labels = [], []
    for axes, place in ((errors, "upper right"), (skills, "lower right"), (events, "upper right")):
        found = axes.get_legend_handles_labels()
        if found[0]:
            axes.legend(*found, loc=place, ncols=4)
    for state in dict.fromkeys(point.state for point in figures.track):
        handles.append(_patch(state))
        labels.append(WORDS[state])
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))


def _paint_errors(axes: Any, figures: FlightFigures) -> None:
    axes.set(title="Learning curve", ylabel="AbsRel against truth")
    t_s = np.array([one.t_s for one in figures.comparisons])
    curves = (
        ("student", STUDENT, [one.abs_rel_student for one in figures.comparisons]),
        ("stereo", TEACHER, [one.abs_rel_stereo for one in figures.comparisons]),
    )
    top = 0.1
    for word, colour, values in curves:
        found = np.array(values)
        if not np.isfinite(found).any():
            continue
        smooth = np.where(np.isfinite(found), running_median(t_s, found, _WINDOW_S), np.nan)
        axes.plot(t_s, found, ".", ms=2.5, color=colour, alpha=0.3)
        axes.plot(t_s, smooth, color=colour, lw=1.8, label=f"{word} (median of {_WINDOW_S:.0f} s)")
        top = max(top, float(np.nanpercentile(found, 90)) * 1.25)
    axes.set_ylim(0, top)


def _paint_skills(axes: Any, figures: FlightFigures) -> None:
    axes.set(ylabel="engine's figures,\npredict before learn", ylim=(0, 1.02))
    times_s = [t_s for t_s, _ in figures.skills]
    for key, word, colour in _SKILLS:
        values = np.array([skill.get(key, np.nan) for _, skill in figures.skills])
        if np.isfinite(values).any():
            axes.plot(times_s, values, color=colour, lw=1.4, label=word)
    for kind, marker, colour, word in _MARKS:
        hits = [event.t_s for event in figures.events if event.kind == kind]
        if hits:
            axes.plot(hits, [0.06] * len(hits), marker, color=colour, ms=6, ls="", label=f"{word} ({len(hits)})")


def _paint_events(axes: Any, figures: FlightFigures) -> None:
    axes.set(ylabel=f"events\nper {_BIN_S:.0f} s")
    edges = np.arange(figures.start_s, figures.end_s + _BIN_S, _BIN_S)
    bottom = np.zeros(max(len(edges) - 1, 0))
    if not len(bottom):
        return
    for kind, colour in (("override", OVERRIDE), ("collision", COLLISION)):
        count, _ = np.histogram([event.t_s for event in figures.events if event.kind == kind], edges)
        label = f"{kind}s ({count.sum()})"
        axes.bar(edges[:-1], count, _BIN_S * 0.86, bottom, align="edge", color=colour, label=label, zorder=2)
        bottom = bottom + count
    axes.set_ylim(0, max(2.0, float(bottom.max()) * 1.35))
    axes.yaxis.get_major_locator().set_params(integer=True)


def _paint_states(axes: Any, figures: FlightFigures) -> None:
    """Colour the background by who flies, with a line at each switch."""
    track = figures.track
    begins = [i for i, point in enumerate(track) if i == 0 or point.state != track[i - 1].state]
    for i, begin in enumerate(begins):
        end_s = track[begins[i + 1]].t_s if i + 1 < len(begins) else figures.end_s
        axes.axvspan(track[begin].t_s, end_s, color=COLOURS[track[begin].state], alpha=0.10, lw=0, zorder=0)
        if i and len(begins) <= 12:
            axes.axvline(track[begin].t_s, color=COLOURS[track[begin].state], lw=1.2, ls="--", zorder=1)


def _patch(state: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor=COLOURS[state], alpha=0.35)


def running_median(t_s: np.ndarray, values: np.ndarray, window_s: float) -> np.ndarray:
    """Return the median of the finite ``values`` of the last ``window_s`` at each time; NaN where there are none."""
    found = np.full(len(values), np.nan)
    first = np.searchsorted(t_s, t_s - window_s, side="right")
    for i in range(len(values)):
        window = values[first[i] : i + 1]
        window = window[np.isfinite(window)]
        if len(window):
            found[i] = np.median(window)
    return found
