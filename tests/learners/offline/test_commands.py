"""The command line of the offline methods, as a user meets it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from selfcue import cli
from tests.learners.offline.conftest import block_graph, recorded


@pytest.fixture
def graph_file(tmp_path):
    graph, _ = block_graph()
    np.savez(tmp_path / "g.npz", x=graph.x, edge_index=graph.edge_index)
    return tmp_path / "g.npz"


def run(capsys, *words: object) -> tuple[int, str, str]:
    code = cli.main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_fit_then_apply(capsys, tmp_path, graph_file):
    words = (
        "fit",
        "graphmae",
        "--data",
        graph_file,
        "--out",
        tmp_path / "run",
        "--set",
        "hidden=8",
        "--set",
        "heads=2",
    )
    code, out, _ = run(capsys, *words, "--budget", "2 epochs", "--json")
    assert (code, json.loads(out)["epochs"]) == (0, 2)
    code, out, _ = run(capsys, *words, "--budget", "3 epochs", "--json")  # goes on
    assert json.loads(out)["epochs"] == 3
    assert len(json.loads((tmp_path / "run/history.json").read_text())) == 3
    code, out, _ = run(capsys, "apply", tmp_path / "run", "--data", graph_file, "--out", tmp_path / "z.npz")
    assert code == 0
    with np.load(tmp_path / "z.npz", allow_pickle=False) as found:
        assert found["transform"].shape == (60, 8)
    run(capsys, "apply", tmp_path / "run", "--data", graph_file, "--out", tmp_path / "z.csv")
    assert (tmp_path / "z.csv").read_text().splitlines()[0] == "row," + ",".join(f"transform_{i}" for i in range(8))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("fit", "graphma", "--data", "x", "--out", "y"), 3, "did you mean 'graphmae'"),
        (("fit", "graphmae", "--data", "corra", "--out", "y"), 3, "did you mean 'cora'"),
        (("fit", "graphmae", "--data", "gone/x.npz", "--out", "y"), 3, "no such file or folder"),
        (("fit", "graphmae", "--data", "G", "--out", "y", "--set", "hiden=3"), 2, "did you mean 'hidden'"),
        (("fit", "graphmae", "--data", "G", "--out", "y", "--set", "hidden=wide"), 2, "expected `int`"),
        (("fit", "graphmae", "--data", "G", "--out", "y", "--set", "hidden"), 2, "write NAME=VALUE"),
        (("fit", "graphmae", "--data", "G", "--out", "y", "--budget", "soon"), 2, "write it like 90s"),
        (("fit", "graphmae", "--data", "G", "--out", "y", "--set", "heads=3"), 3, "multiple of heads"),
        (("apply", "nowhere", "--data", "G", "--out", "y.npz"), 3, "no model here"),
        (("methods", "show", "nothing"), 3, "no plugin 'nothing'"),
        (("reproduce",), 2, "reproduce what"),
        (("reproduce", "nothing"), 3, "nothing to reproduce under 'nothing'"),
        (("data", "get", "corra"), 3, "did you mean 'cora'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(capsys, tmp_path, monkeypatch, graph_file, words, code, said):
    monkeypatch.chdir(tmp_path)
    found, _, err = run(capsys, *(graph_file if word == "G" else word for word in words))
    assert (found, len(err.strip().splitlines())) == (code, 1)
    assert said in err


def test_a_model_is_not_asked_for_what_it_cannot(capsys, tmp_path, graph_file):
    run(capsys, "fit", "graphmae", "--data", graph_file, "--out", tmp_path, "--budget", "1 epochs", "--json")
    code, _, err = run(capsys, "apply", tmp_path, "--data", graph_file, "--out", "y.npz", "--what", "predict")
    assert (code, "cannot predict; it can transform" in err) == (2, True)
    code, _, err = run(capsys, "apply", tmp_path, "--data", graph_file, "--out", "y.txt")
    assert (code, ".npz or a .csv" in err) == (2, True)


def test_methods_are_listed_with_what_was_measured(capsys):
    code, out, _ = run(capsys, "methods", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["graphmae"]["family"] == "graph"
    assert rows["graphmae"]["takes"] == "graph"
    assert all(set(row) >= {"family", "task", "takes", "source", "status", "effect"} for row in rows.values())
    assert not [row["status"] for row in rows.values() if row["status"].startswith("not usable")]


def test_every_setting_of_every_method_is_explained(capsys):
    _, out, _ = run(capsys, "methods", "--json")
    for row in json.loads(out):
        code, said, _ = run(capsys, "methods", "show", row["name"], "--json")
        assert code == 0
        unexplained = [s["setting"] for s in json.loads(said)["settings"] if len(s["meaning"]) < 4]
        assert unexplained == [], row["name"]


def test_the_papers_settings_can_be_asked_for_with_any_data(capsys):
    from selfcue.learners.offline.commands import settings_of
    from selfcue.learners.offline.registry import method_class, method_names

    for name in method_names():
        kind = method_class(name)
        paper = settings_of(kind, ["epochs=1"] if "epochs" in kind.Config.__dataclass_fields__ else [], paper="mine/")
        assert isinstance(paper, kind.Config)
        assert paper != kind.Config()


def test_every_experiment_is_listed_with_its_cost(capsys):
    code, out, _ = run(capsys, "reproduce", "--list")
    assert code == 0
    assert "graphmae-ablation: Does each ingredient" in out
    assert "10 seeds of graphmae, no re-mask" in out


def test_data_sets_are_listed_and_found(capsys, monkeypatch, tmp_path):
    code, out, _ = run(capsys, "data", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert (code, rows["cora"]["kind"], rows["cora"]["licence"]) == (0, "graph", "MIT (repository)")
    monkeypatch.delenv("SELFCUE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code, _, err = run(capsys, "data", "path", "cora")
    assert (code, "selfcue data get cora" in err) == (3, True)


def test_recorded_data_are_whole(capsys):
    root = recorded("planetoid")
    code, out, _ = run(capsys, "data", "get", "cora")
    assert (code, out.startswith(f"cora: {root} (7 files, MIT")) == (0, True)


def test_reproduce_runs_an_experiment_and_goes_on(capsys, tmp_path):
    recorded("planetoid")
    words = ("reproduce", "graphmae-paper", "--seeds", "1", "--data", "cora", "--budget", "1 epoch", "--work", tmp_path)
    code, out, _ = run(capsys, *words, "--json")
    (result,) = json.loads(out)
    assert (code, result["budget"], result["complete"]) == (1, "1 epochs", False)
    assert result["rows"][0]["accuracy"]["mean"] < 84.2
    assert (tmp_path / "graphmae-paper.png").exists()
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.json")}
    run(capsys, *words, "--json")
    assert stamps == {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.json")}
