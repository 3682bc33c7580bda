"""The registry of data sets: looked for here, then in the cache, then fetched and checked."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.learners.offline.data import catalogue
from selfcue.learners.offline.data.catalogue import DataFile, DataSet
from tests.learners.offline.conftest import recorded

CONTENT = b"some numbers\n"


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A data set of one file whose origin is a folder, and no data folder but an empty cache."""
    (tmp_path / "origin.txt").write_bytes(CONTENT)
    monkeypatch.delenv("SELFCUE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    url = (tmp_path / "origin.txt").as_uri()
    file = DataFile("toy/a.txt", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), url)
    return DataSet("toy", "tables", "a toy", "nowhere", "CC0", "none:none", (file,))


def test_it_is_fetched_once_and_then_found(toy, tmp_path):
    assert catalogue.located(toy) is None
    folder = catalogue.get(toy)
    assert (folder / "toy/a.txt").read_bytes() == CONTENT
    (tmp_path / "origin.txt").unlink()
    assert catalogue.get(toy) == folder
    catalogue.verify(toy)


def test_the_folder_that_the_user_names_comes_first(toy, tmp_path, monkeypatch):
    catalogue.get(toy)
    (tmp_path / "mine/toy").mkdir(parents=True)
    (tmp_path / "mine/toy/a.txt").write_bytes(CONTENT)
    monkeypatch.setenv("SELFCUE_DATA", str(tmp_path / "mine"))
    assert catalogue.get(toy) == tmp_path / "mine"
    (tmp_path / "mine/toy/a.txt").write_bytes(CONTENT.upper())
    with pytest.raises(BadInputError, match="remove it"):
        catalogue.verify(toy)


def test_what_hashes_to_something_else_is_not_kept(toy, tmp_path):
    (tmp_path / "origin.txt").write_bytes(CONTENT[::-1])
    with pytest.raises(BadInputError, match="publisher"):
        catalogue.get(toy)
    assert catalogue.located(toy) is None


def test_what_cannot_be_reached_says_what_to_do(toy, tmp_path):
    (tmp_path / "origin.txt").unlink()
    with pytest.raises(MissingDependencyError, match="SELFCUE_DATA"):
        catalogue.get(toy)


def test_a_package_that_is_not_there_is_named(toy):
    with pytest.raises(MissingDependencyError, match="pip install no_such_package"):
        catalogue.get(dataclasses.replace(toy, files=(), package="no_such_package"))


def test_a_wrong_name_is_guessed():
    with pytest.raises(BadInputError, match="did you mean 'citeseer'"):
        catalogue.find("citeser")


def test_every_known_set_says_where_it_is_from():
    for data in catalogue.known().values():
        assert data.origin
        assert data.licence
        assert bool(data.files) != bool(data.package)
        assert all(file.url.startswith("https://") and len(file.sha256) == 64 for file in data.files)


@pytest.mark.parametrize("name", ["cora", "citeseer"])
def test_planetoid_is_read_with_the_public_split(name):
    recorded("planetoid")
    task = catalogue.load(name)
    data = task.data
    assert (data.n_nodes, data.n_classes) == {"cora": (2708, 7), "citeseer": (3327, 6)}[name]
    assert (data.train_mask.sum(), data.val_mask.sum(), len(task.test)) == (20 * data.n_classes, 500, 1000)
    assert (data.y[task.test] == -1).all()
    np.testing.assert_allclose(data.x.sum(1)[data.x.any(1)], 1.0, rtol=1e-5)
    assert (~data.x.any(1)).sum() == {"cora": 0, "citeseer": 15}[name]
    # Neighbours are mostly of one class, which a wrong order of the test nodes would undo.
    same = (task.truth[data.edge_index[0]] == task.truth[data.edge_index[1]]).mean()
    assert same > 0.73


def test_geom_gcn_and_acm_are_read():
    recorded("webkb_actor")
    actor = catalogue.load("actor")
    assert actor.data.x.shape == (7600, 932)
    assert set(np.unique(actor.data.x)) == {0.0, 1.0}
    assert catalogue.load("wisconsin").data.x.shape == (251, 1703)
    recorded("acm3025")
    acm = catalogue.load("acm")
    assert np.bincount(acm.truth).tolist() == [1061, 965, 999]
    assert acm.data.y is None


def test_recommendation_sets_keep_their_parts_apart():
    recorded("lastfm_lightgcn")
    task = catalogue.load("lastfm")
    parts = [(task.data.user, task.data.item), (task.data.val_user, task.data.val_item), (task.user, task.item)]
    sets = [set(zip(u.tolist(), i.tolist(), strict=True)) for u, i in parts]
    assert not sets[0] & sets[1]
    assert not (sets[0] | sets[1]) & sets[2]
    assert len(sets[0]) + len(sets[1]) == 42135
