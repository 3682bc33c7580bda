"""OmniMatch on a small fleet's tables: what it finds, that runs go on bit for bit, and what it refuses."""

from __future__ import annotations

import csv
import dataclasses

import numpy as np
import pytest
import torch

from selfcue import cli
from selfcue.errors import BadInputError, UsageError
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.data.table_lake import TableLake
from selfcue.learners.offline.randomness import child
from selfcue.learners.offline.tabular.join_scores import best_cut
from selfcue.learners.offline.tabular.omnimatch import OmniMatch, OmniMatchConfig
from tests.learners.offline.conftest import assert_same_weights, weights_of
from tests.learners.offline.tabular.toy_lake import JOINS, fleet_lake

SMALL = OmniMatchConfig(dim=16, lakes=2, rows=60, epochs=12)


@pytest.fixture(scope="module")
def fitted():
    return OmniMatch(SMALL).fit(fleet_lake(), progress=False)


def ends(row):
    return frozenset({(row["table_a"], row["column_a"]), (row["table_b"], row["column_b"])})


def as_csv(lake, folder):
    folder.mkdir()
    for name, table in lake.tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(table)
            writer.writerows(zip(*table.values(), strict=True))
    return folder


def test_the_true_joins_come_first():
    for seed in range(2):
        rows = OmniMatch(SMALL).fit(fleet_lake(seed), seed=seed, progress=False).discover(fleet_lake(seed))
        assert {ends(row) for row in rows[:2]} < JOINS < {ends(row) for row in rows[:5]}
        assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)


def test_it_learns(fitted):
    assert fitted.history[-1]["loss"] < 0.5 * fitted.history[0]["loss"]
    judged = OmniMatch(SMALL, loss="bce", negatives="all", epochs=60, lr=0.01).fit(fleet_lake(), progress=False)
    assert judged.history[-1]["loss"] < 0.5 * judged.history[0]["loss"]
    assert max(epoch["validation"] for epoch in judged.history) > judged.history[0]["validation"] + 0.3
    assert len({ends(row) for row in judged.discover(fleet_lake())[:4]} & JOINS) >= 2


def test_the_cut_is_the_best_on_the_validating_lake(fitted):
    held = fitted.prepare(fleet_lake(), "cpu", child(0, "prepare"))
    with torch.no_grad():
        score = fitted.net.scores(fitted.net.vectors(held.graph), *held.candidates).numpy()
    cut, f1 = best_cut(score, held.joined)
    assert fitted.cut == pytest.approx(cut)
    assert f1 > 0.3


def test_rows_say_what_was_found(fitted):
    rows = fitted.discover(fleet_lake(), least=8)
    (row,) = [row for row in rows if ends(row) == frozenset({("robots", "serial"), ("repairs", "number")})]
    lake = fleet_lake()
    shared = set(lake.tables["robots"]["serial"]) & set(lake.tables["repairs"]["number"])
    assert (row["kind"], row["shared_values"], row["uniqueness_a"]) == ("equi", len(shared), 1.0)
    assert all((row["join"] == "yes") == (row["score"] >= round(fitted.cut, 4)) for row in rows)
    assert len(rows) == max(8, sum(row["join"] == "yes" for row in rows))
    assert not [row for row in rows if row["table_a"] == row["table_b"]]


def test_only_key_like_columns_when_asked():
    strict = OmniMatch(SMALL, min_uniqueness=0.9, epochs=1).fit(fleet_lake(), progress=False)
    found = {ends(row) for row in strict.discover(fleet_lake(), least=99)}
    assert frozenset({("robots", "serial"), ("repairs", "number")}) in found
    assert frozenset({("robots", "site"), ("missions", "place")}) not in found


def test_scores_and_vectors_answer_for_every_column(fitted):
    lake = fleet_lake()
    vectors, score = fitted.column_vectors(lake), fitted.score_pairs(lake)
    assert vectors.shape == (len(lake.columns()), 16)
    tables = np.array([table for table, _ in lake.columns()])
    assert not score[tables[:, None] == tables[None]].any()
    a, b = (lake.columns().index(column) for column in (("robots", "site"), ("missions", "place")))
    assert score[a, b] == pytest.approx(1 - np.linalg.norm(vectors[a] - vectors[b]) / 2, abs=2e-3)


def test_evidence_names_signals_and_neighbours(fitted):
    found = fitted.evidence(fleet_lake(), ("robots", "site"), ("missions", "place"))
    assert found["signals"]["jaccard"] == 1.0
    assert "missions.place" in found["neighbours"][0]["jaccard"]
    assert "robots.site" in found["neighbours"][1]["spread"]
    row = next(r for r in fitted.discover(fleet_lake()) if ends(r) == {("robots", "site"), ("missions", "place")})
    assert found["score"] == row["score"]
    with pytest.raises(BadInputError, match=r"no column robots\.colour; there are robots\.name"):
        fitted.evidence(fleet_lake(), ("robots", "colour"), ("missions", "place"))


def test_saved_and_loaded_it_says_the_same(fitted, tmp_path):
    fitted.save(tmp_path / "m.safetensors")
    again = OmniMatch.load(tmp_path / "m.safetensors")
    assert_same_weights(fitted, again)
    assert again.config == fitted.config
    assert again.cut == fitted.cut
    np.testing.assert_array_equal(again.score_pairs(fleet_lake(1)), fitted.score_pairs(fleet_lake(1)))


@pytest.mark.parametrize("settings", [{}, {"loss": "bce"}, {"layers": 0, "negatives": "random", "noise": 0.0}])
def test_a_run_that_was_cut_off_goes_on_bit_for_bit(tmp_path, settings):
    whole = OmniMatch(SMALL, epochs=5, **settings).fit(fleet_lake(), seed=3, progress=False)
    part = whole
    for epochs in (2, 4, 9):
        part = OmniMatch(SMALL, epochs=5, **settings)
        part.fit(
            fleet_lake(), seed=3, budget=Budget(epochs=epochs), resume=tmp_path / "run.safetensors", progress=False
        )
    assert_same_weights(whole, part)
    assert whole.history == part.history
    other = OmniMatch(SMALL, epochs=5, **settings).fit(fleet_lake(), seed=4, progress=False)
    assert any((weights_of(whole)[name] != weights_of(other)[name]).any() for name in weights_of(whole))


def test_a_run_does_not_go_on_with_other_tables(tmp_path):
    fit = {"budget": Budget(epochs=1), "resume": tmp_path / "run.safetensors", "progress": False}
    OmniMatch(SMALL).fit(fleet_lake(), **fit)
    lake = fleet_lake()
    changed = TableLake({**lake.tables, "repairs": {**lake.tables["repairs"], "part": ("wheel",) * 60}}, "fleet")
    with pytest.raises(BadInputError, match="other settings, seed or data"):
        OmniMatch(SMALL).fit(changed, **fit)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"a": {"x": ("1", "2")}, "b": {"y": ("1", "2")}}, "no table has two columns"),
        ({"a": {"x": ("1",), "y": ("2",)}}, "no table has two columns with values and two rows"),
        ({"a": {"x": ("", ""), "y": ("", "")}}, "no table has two columns with values"),
        ({"a": {"x": ("nan", "NaN"), "y": ("null", "None")}}, "too few values"),
    ],
)
def test_tables_that_teach_nothing_are_refused(tables, said):
    with pytest.raises(BadInputError, match=said):
        OmniMatch(SMALL).fit(TableLake(tables), progress=False)


def test_joins_need_two_tables(fitted):
    lake = fleet_lake()
    with pytest.raises(BadInputError, match="two with values are needed"):
        fitted.discover(TableLake({"robots": lake.tables["robots"]}))
    with pytest.raises(BadInputError, match="two with values are needed"):
        fitted.discover(TableLake({"robots": lake.tables["robots"], "none": {"x": ("", "nan")}}))
    with pytest.raises(UsageError, match="nothing was learned"):
        OmniMatch().discover(lake)


def test_a_column_of_nothing_is_passed_over(fitted):
    lake = fleet_lake()
    hollow = {**lake.tables["repairs"], "note": ("",) * 60, "flag": ("NaN",) * 60}
    rows = fitted.discover(TableLake({**lake.tables, "repairs": hollow}), least=999)
    assert not [row for row in rows if {"note", "flag"} & {row["column_a"], row["column_b"]}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"signals": ("jaccard", "sound")}, "must be some of jaccard, contained"),
        ({"signals": ()}, "each once"),
        ({"signals": ("words", "words")}, "each once"),
        ({"k": 0}, "must be 1 at least"),
        ({"rows": 1}, "rows 2"),
        ({"layers": -1}, "layers 0"),
        ({"noise": 1.5}, "are shares"),
        ({"margin": 0.0}, "margin > 0"),
        ({"floor": -2.0}, "floor >= -1"),
    ],
)
def test_wrong_settings_are_refused(change, said):
    with pytest.raises(BadInputError, match=said):
        dataclasses.replace(SMALL, **change)


def run(capsys, *words):
    code = cli.main([str(word) for word in words])
    return code, *capsys.readouterr()


def test_the_command_line_fits_and_applies(capsys, tmp_path):
    folder = as_csv(fleet_lake(), tmp_path / "lake")
    small = [word for name in ("dim=16", "lakes=1", "epochs=8") for word in ("--set", name)]
    code, out, _ = run(capsys, "fit", "omnimatch", "--data", folder, "--out", tmp_path / "run", *small)
    assert code == 0
    assert "epochs 8" in out
    code, out, _ = run(capsys, "apply", tmp_path / "run", "--data", folder, "--out", tmp_path / "joins.csv")
    assert code == 0
    with (tmp_path / "joins.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {ends(row) for row in rows[:4]} >= {frozenset({("robots", "serial"), ("repairs", "number")})}
    assert set(rows[0]) >= {"score", "join", "kind", "uniqueness_a"}


def test_parquet_and_csv_give_the_same(tmp_path, fitted):
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    lake = fleet_lake()
    (tmp_path / "p").mkdir()
    for name, table in lake.tables.items():
        parquet.write_table(
            arrow.table({head: list(values) for head, values in table.items()}), tmp_path / f"p/{name}.parquet"
        )
    assert fitted.discover(TableLake.read(tmp_path / "p")) == fitted.discover(
        TableLake.read(as_csv(lake, tmp_path / "c"))
    )


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "holds no .csv or .parquet"),
        ({"a.csv": b"x,y\n"}, "at least one row"),
        ({"a.csv": b"x,y\n1,2\n3\n"}, "line 3 has 1 fields"),
        ({"a.csv": b"x,x\n1,2\n"}, "column name comes twice"),
        ({"a.parquet": b"PAR1 not really"}, "not a whole Parquet file"),
        ({"a.csv": b"x\n1\n2\n"}, "no table has two columns"),
    ],
)
def test_wrong_files_are_one_clear_line(capsys, tmp_path, files, said):
    folder = tmp_path / "lake"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    code, _, err = run(capsys, "fit", "omnimatch", "--data", folder, "--out", tmp_path / "run")
    assert (code, len(err.strip().splitlines())) == (3, 1)
    assert said in err
