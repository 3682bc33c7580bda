"""Which methods there are, and their reproductions: found by entry point, from this package and from others."""

from __future__ import annotations

from typing import Any

from selfcue import plugins
from selfcue.learners.offline.about import About

METHODS = "selfcue.methods"
REPRODUCTIONS = "selfcue.reproductions"


def method_names() -> list[str]:
    """Return the names of all registered methods, sorted."""
    return plugins.names(METHODS)


def method_class(name: str) -> Any:
    """Return the method registered as ``name``.

    Raises:
        BadInputError: there is none of that name; the message lists what there is, or what was meant.
        MissingDependencyError: what it needs is not installed, or it breaks the contract.
    """
    from selfcue.errors import MissingDependencyError

    found = plugins.load(METHODS, name)
    lacking = [part for part in ("about", "Config", "Data", "fit", "save", "load") if not hasattr(found, part)]
    if lacking or not isinstance(found.about, About):
        what = ", ".join(lacking) or "card (About)"
        raise MissingDependencyError(f"method {name!r} breaks the contract: it has no {what}; see docs/add_a_method.md")
    return found


def experiments_of(name: str) -> list[Any]:
    """Return the experiments of the method ``name``; empty where it brings none."""
    if name not in plugins.names(REPRODUCTIONS):
        return []
    return list(plugins.load(REPRODUCTIONS, name)())
