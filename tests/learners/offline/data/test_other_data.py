"""Windows, interactions and tables: read from a user's files, and refused where they are wrong."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.interactions import Features, Interactions
from selfcue.learners.offline.data.table_lake import TableLake
from selfcue.learners.offline.data.windows import Windows


def test_windows_are_read_and_one_sensor_needs_no_axis(tmp_path):
    np.savez(tmp_path / "w.npz", x=np.ones((3, 5)), y=np.array([0, 1, -1]), times_s=np.arange(5.0))
    windows = Windows.read(tmp_path / "w.npz")
    assert windows.x.shape == (3, 5, 1)
    assert windows.x.dtype == np.float32
    assert windows.rows(np.array([1])).y == np.array([1])
    assert windows.without_labels().y is None


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"z": np.ones(3)}, "has no x"),
        ({"x": np.full((2, 3, 1), np.inf)}, "sample 0 of sensor 0 in window 0 is inf"),
        ({"x": np.ones((2, 3, 1)), "y": np.zeros(3)}, r"y must be \(2,\)"),
        ({"x": np.ones((2, 3, 1)), "times_s": np.array([0.0, 2.0, 1.0])}, "rising"),
        ({"x": np.ones((0, 3, 1))}, "not empty"),
        ({"x": np.ones((1, 3, 2)), "sensors": np.array(["a"])}, "1 names for 2 sensors"),
    ],
)
def test_wrong_windows_say_what_is_wrong(tmp_path, arrays, said):
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(BadInputError, match=said):
        Windows.read(tmp_path / "w.npz")


def test_a_missing_or_foreign_npz_says_so(tmp_path):
    (tmp_path / "w.npz").write_bytes(b"PK\x03\x04 no")
    for name in ("w.npz", "none.npz"):
        with pytest.raises(BadInputError, match="npz"):
            Windows.read(tmp_path / name)


def test_interactions_are_read_in_order_and_without_doubles(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("when,user,item,split\n1,bo,x,train\n2,al,y,train\n3,bo,x,train\n4,al,x,val\n5,bo,y,test\n")
    data = Interactions.read(path)
    assert data.user_names == ("al", "bo")
    assert list(zip(data.user, data.item, strict=True)) == [(1, 0), (0, 1)]
    assert (data.val_user.tolist(), data.val_item.tolist()) == ([0], [0])


def test_a_folder_brings_features(tmp_path):
    (tmp_path / "pairs.csv").write_text("user,item\nu,b\n")
    (tmp_path / "items.csv").write_text("item,maker\na,ford\nb,opel\nc,ford\n")
    data = Interactions.read(tmp_path)
    assert (data.n_items, data.item.tolist()) == (3, [1])
    assert data.items.codes["maker"].tolist() == [0, 1, 0]
    (tmp_path / "pairs.csv").write_text("user,item\nu,q\n")
    with pytest.raises(BadInputError, match="'q' is in the pairs but not"):
        Interactions.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user\na\n", "two columns"),
        ("user,item\n", "at least one row"),
        ("user,item,split\na,b,tset\n", "split 'tset'"),
    ],
)
def test_wrong_interactions_say_what_is_wrong(tmp_path, text, said):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(BadInputError, match=said):
        Interactions.read(tmp_path / "log.csv")


def test_interactions_check_ids_and_features():
    ids = np.array([0, 1])
    with pytest.raises(BadInputError, match="there are 0 to 0"):
        Interactions(ids, ids, 1, 2)
    with pytest.raises(BadInputError, match="no interactions"):
        Interactions(ids[:0], ids[:0], 1, 2)
    with pytest.raises(BadInputError, match="features of 2 items, but there are 3"):
        Interactions(ids, ids, 2, 3, items=Features({"a": ids}, {"a": 2}))
    with pytest.raises(BadInputError, match="from 0 to 0"):
        Features({"a": ids}, {"a": 1})


def test_a_lake_is_read_from_csv_parquet_and_sqlite(tmp_path):
    (tmp_path / "a.csv").write_text("k;v\n1;x\n2;y\n")
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    parquet.write_table(arrow.table({"k": [1.0, None, 2.5]}), tmp_path / "b.parquet")
    lake = TableLake.read(tmp_path)
    assert lake.columns() == [("a", "k"), ("a", "v"), ("b", "k")]
    assert lake.tables["b"]["k"] == ("1", "", "2.5")
    base = tmp_path / "c.sqlite"
    with sqlite3.connect(base) as open_base:
        open_base.execute('CREATE TABLE "odd ""name" (n INTEGER)')
        open_base.execute('INSERT INTO "odd ""name" VALUES (7)')
    assert TableLake.read(base).tables == {'odd "name': {"n": ("7",)}}


def test_a_wrong_lake_says_what_is_wrong(tmp_path):
    with pytest.raises(BadInputError, match=r"holds no \.csv"):
        TableLake.read(tmp_path)
    (tmp_path / "d.sqlite").write_text("not a base, but long enough to be looked at closely")
    with pytest.raises(BadInputError, match="not a SQLite file"):
        TableLake.read(tmp_path / "d.sqlite")
    (tmp_path / "e.csv").write_bytes(b"k\n\xff\xfe\n")
    with pytest.raises(BadInputError, match="not UTF-8"):
        TableLake.read(tmp_path)
    with pytest.raises(BadInputError, match="equal length"):
        TableLake({"t": {"a": ("1",), "b": ()}})
