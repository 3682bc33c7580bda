"""What is said of the methods: their cards, their settings, and what was measured."""

from __future__ import annotations

import dataclasses
import json
import re
from importlib import resources
from typing import Any

from selfcue.errors import SelfcueError
from selfcue.learners.offline.data import catalogue
from selfcue.learners.offline.method import capabilities
from selfcue.learners.offline.registry import method_class, method_names

KINDS = {"GraphData": "graph", "Interactions": "interactions", "TableLake": "tables", "Windows": "windows"}


def list_methods() -> list[dict[str, Any]]:
    """Return a row for each registered method; one that does not load says why."""
    measured = measured_figures()
    rows = []
    for name in method_names():
        try:
            kind = method_class(name)
        except SelfcueError as error:
            nothing = dict.fromkeys(("family", "task", "takes", "source", "effect", "title"), "")
            rows.append({"name": name, **nothing, "status": f"not usable: {error}"})
            continue
        about, found = kind.about, measured.get(name, {})
        rows.append({
            "name": name,
            "family": about.family,
            "task": about.task,
            "takes": KINDS.get(kind.Data.__name__, kind.Data.__name__),
            "source": about.source,
            "status": found.get("status", "not measured"),
            "effect": found.get("effect", ""),
            "title": about.title,
        })  # fmt: skip
    return rows


def card_of(name: str) -> dict[str, Any]:
    """Return everything that is known of the method ``name``."""
    kind = method_class(name)
    (row,) = [row for row in list_methods() if row["name"] == name]
    paper = kind.Config.paper() if hasattr(kind.Config, "paper") else kind.Config()
    meanings = attribute_meanings(kind.Config.__doc__ or "")
    settings = [
        {
            "setting": field.name,
            "default": getattr(kind.Config(), field.name),
            "paper": getattr(paper, field.name),
            "meaning": meanings.get(field.name, ""),
        }
        for field in dataclasses.fields(kind.Config)
    ]
    examples = [data.name for data in catalogue.known().values() if data.kind == row["takes"]]
    return {**row, "can": ", ".join(capabilities(kind)), "settings": settings, "example": (examples or ["PATH"])[0]}


def attribute_meanings(docstring: str) -> dict[str, str]:
    """Return by name what the section ``Attributes`` of a docstring says; ``a, b: text`` speaks of both."""
    section = docstring.partition("Attributes:\n")[2].partition("\n\n")[0]
    meanings: dict[str, str] = {}
    for entry in re.split(r"\n {8}(?=\S)", "\n" + section):
        names, colon, text = entry.partition(":")
        if colon:
            for name in names.split(","):
                meanings[name.strip()] = " ".join(text.split())
    return meanings


def measured_figures() -> dict[str, dict[str, str]]:
    """Return by method what the committed reproductions gave; see ``reproduction.page.short_figures``."""
    place = resources.files("selfcue").joinpath("learners", "offline", "measured.json")
    if not place.is_file():
        return {}
    found: dict[str, dict[str, str]] = json.loads(place.read_text(encoding="utf-8"))
    return found
