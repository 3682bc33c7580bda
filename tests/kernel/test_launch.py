"""Launch files: arguments, presets, expressions, and errors that say where and how to mend."""

from __future__ import annotations

import pytest

from selfcue.config import launch
from selfcue.errors import BadInputError, MissingDependencyError, SelfcueError, UsageError
from selfcue.host import make_node

GOOD = """
args:
  duration: {default: 10.0, unit: s}
  learn: {default: "${duration / 2}"}
  who: {default: a, choices: [a, b]}
presets: {quick: {duration: 2.0}}
clock: p/n
processes:
  p:
    - {name: n, node: x, params: {t: "${learn + 1}", s: "for ${who}"}}
"""


def test_arguments_fill_in_with_their_types() -> None:
    spec, arguments = launch.parse(GOOD, name="g", origin="g.yaml").resolve({"who": "b"}, "quick")
    assert arguments == {"duration": 2.0, "learn": 1.0, "who": "b"}
    assert spec.processes["p"][0].params == {"t": 2.0, "s": "for b"}


def test_what_is_given_beats_the_preset() -> None:
    _, arguments = launch.parse(GOOD, name="g", origin="g.yaml").resolve({"duration": "4"}, "quick")
    assert arguments["learn"] == 2.0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"duration": "long"}, "--duration long: expected a number"),
        ({"who": "c"}, "choose one of a, b"),
        ({"whom": "a"}, "no argument 'whom'; it has: duration, learn, who"),
    ],
)
def test_wrong_arguments(given: dict[str, launch.Scalar], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        launch.parse(GOOD, name="g", origin="g.yaml").resolve(given)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("processes: [1", r"g.yaml:1: not valid YAML"),
        ("nodes: 3", "at least one process under the key 'processes'"),
        (
            "processes:\n  p:\n    - {name: n, nod: x}",
            r"g.yaml:3: processes.p\[0\].nod: no such key; did you mean 'node'",
        ),
        (
            "processes:\n  p:\n    - {name: n, node: x, rate_hz: fast}",
            r"g.yaml:3: .*rate_hz: expected `float`, got `str`",
        ),
        ("processes:\n  p: [{name: n, node: x, params: {a: '${b}'}}]", "argument 'b' is not declared"),
        ("processes:\n  p: [{name: n, node: x, params: {a: '${1 .real}'}}]", "only names, numbers"),
        ("clock: p/z\nprocesses: {p: [{name: n, node: x}]}", "g.yaml:1: clock: 'p/z' is not PROCESS/NODE"),
        ("processes: {p: [{name: n, node: x}], q: [{name: n, node: x}]}", "two nodes are named 'n'"),
        ("args: {a: {defalt: 1}}\nprocesses: {p: []}", r"g.yaml:1: args.a.defalt: no such key; did you mean 'default'"),
    ],
)
def test_a_wrong_file_says_where(text: str, says: str) -> None:
    with pytest.raises(BadInputError, match=says):
        launch.parse(text, name="g", origin="g.yaml").resolve({})


def test_an_unknown_file_names_the_shipped_ones() -> None:
    with pytest.raises(UsageError, match="drone_depth"):
        launch.find("drone_dept")
    with pytest.raises(BadInputError, match="cannot be read"):
        launch.find("missing.yaml")


@pytest.mark.parametrize("name", launch.shipped_names())
def test_shipped_files_hold_together(name: str) -> None:
    found = launch.find(name)
    given: dict[str, launch.Scalar] = {"path": "somewhere"} if "path" in found.args else {}
    spec, _ = found.resolve(given)
    assert found.help
    for process, nodes in spec.processes.items():
        for node in nodes:
            try:
                made = make_node(node, found.origin, process)
            except MissingDependencyError as error:
                pytest.skip(f"an extra is not installed: {error}")
            assert made.name == node.name


@pytest.mark.parametrize(
    ("node", "params", "says"),
    [
        ("sim_dron", {}, "g.yaml: processes.p.n: no plugin 'sim_dron'.*did you mean 'sim_drone'"),
        ("tests.kernel.toys:Source", {"tick": 3}, "params.tick: no such key; did you mean 'ticks'"),
        ("tests.kernel.toys:Source", {"ticks": "many"}, "params.ticks: expected `int`, got `str`"),
        ("tests.kernel.toys:Nope", {}, "does not load"),
    ],
)
def test_a_wrong_node_is_refused_before_anything_starts(node: str, params: dict[str, object], says: str) -> None:
    with pytest.raises(SelfcueError, match=says):
        make_node(launch.NodeSpec("n", node, params), "g.yaml", "p")
