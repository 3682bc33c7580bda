"""Every plug-in that the package registers is there, and is what its group promises."""

from __future__ import annotations

from importlib.metadata import EntryPoint, distribution

import pytest
import typer

from selfcue.node import Node
from selfcue.sensors.driver import Driver
from selfcue.sensors.trust_node import WatchSet

EXTRAS = ("cv2", "mujoco", "onnx", "open3d", "scipy", "sklearn", "torch")
POINTS = [point for point in distribution("selfcue").entry_points if point.group.startswith("selfcue.")]


def test_the_groups_are_registered() -> None:
    assert {point.group for point in POINTS} == {
        "selfcue.commands",
        "selfcue.fleet_tasks",
        "selfcue.methods",
        "selfcue.nodes",
        "selfcue.readers",
        "selfcue.reports",
        "selfcue.reproductions",
        "selfcue.sensors",
        "selfcue.watches",
    }


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point.group}:{point.name}")
def test_it_loads_and_is_what_its_group_promises(point: EntryPoint) -> None:
    try:
        loaded = point.load()
    except ModuleNotFoundError as error:
        if error.name in EXTRAS:
            pytest.skip(f"{error.name} is not installed here")
        raise
    if point.group == "selfcue.nodes":
        assert issubclass(loaded, Node)
        assert loaded.__doc__
    elif point.group == "selfcue.methods":
        assert loaded.about.name == point.name
    elif point.group == "selfcue.commands":
        assert isinstance(loaded, typer.Typer)
    elif point.group == "selfcue.sensors":
        assert issubclass(loaded, Driver)
    elif point.group == "selfcue.watches":
        assert isinstance(loaded, WatchSet)
        assert loaded.make()
    else:
        assert callable(loaded)


def test_help_lists_every_command_by_its_name():
    from selfcue.commands.app import build

    root = build()
    names = root.list_commands(None)
    assert {"run", "learn", "log", "bench"} <= set(names)
    assert [root.get_command(None, name).name for name in names] == names
