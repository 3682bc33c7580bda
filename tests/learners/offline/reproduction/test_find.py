"""How an experiment is found by name, beside a package that does not load."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints, entry_points

import pytest

from selfcue import plugins
from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.learners.offline.registry import REPRODUCTIONS
from selfcue.learners.offline.reproduction.commands import find_experiments


@pytest.fixture
def beside_a_broken_one(monkeypatch: pytest.MonkeyPatch) -> None:
    real = entry_points

    def points(*, group: str) -> EntryPoints:
        broken = [EntryPoint("broken", "no_such_package.here:experiments", group)] if group == REPRODUCTIONS else []
        return EntryPoints([*real(group=group), *broken])

    monkeypatch.setattr(plugins, "entry_points", points)


@pytest.mark.usefixtures("beside_a_broken_one")
def test_a_package_that_does_not_load_hides_no_other_and_is_named_when_all_are_meant() -> None:
    names = [experiment.name for experiment in find_experiments("graphmae", everything=False)]
    assert "graphmae-paper" in names
    assert [one.name for one in find_experiments("graphmae-paper", everything=False)] == ["graphmae-paper"]
    assert {one.method for one in find_experiments("recommend", everything=False)} == {"dccf", "item_ssl"}
    with pytest.raises(MissingDependencyError, match="'broken' does not load"):
        find_experiments("", everything=True)
    with pytest.raises(MissingDependencyError, match="'broken' does not load"):
        find_experiments("broken", everything=False)
    with pytest.raises(BadInputError, match="nothing to reproduce under 'none'"):
        find_experiments("none", everything=False)
