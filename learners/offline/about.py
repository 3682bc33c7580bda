"""What is known of a method before its code is loaded into a run: who, what for, on what, from where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class About:
    """The card of a method, as ``selfcue methods`` shows it.

    Attributes:
        name: as on the command line; the entry point's name.
        family: graph, recommend, tabular, timeseries, images, ...
        title: the paper's name for it.
        task: what one gets, in a few words.
        source: authors, place, year, and where to find the paper.
        extra: the extra of selfcue that brings what it needs.
    """

    name: str
    family: str
    title: str
    task: str
    source: str
    extra: str = "offline"
