from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from selfcue.errors import BadInputError
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.data.interactions import Features, Interactions
from selfcue.learners.offline.recommend.features import Tower
from selfcue.learners.offline.recommend.item_ssl import ItemSSL, ItemSSLConfig, views
from selfcue.learners.offline.recommend.mutual_information import mutual_information
from selfcue.learners.offline.recommend.top import rank_scores, top_items
from tests.learners.offline.conftest import assert_same_weights

SMALL = ItemSSLConfig(width=8, hidden=(16, 8), batch=64, epochs=8, lr=0.01, keep_best=False)


def shop(seed: int = 0, *, users: int = 40, items: int = 60) -> Interactions:
    """Return a shop whose users take the items of their kind; four features tell the kind, two by two."""
    rng = np.random.default_rng(seed)
    kind, taste = np.arange(items) % 4, np.arange(users) % 4
    known = {"a": kind, "b": (kind + 1) % 4, "c": rng.integers(0, 3, items), "d": rng.integers(0, 3, items)}
    taken = [(u, i) for u in range(users) for i in range(items) if kind[i] == taste[u] and rng.random() < 0.4]
    pairs = np.array(taken)[rng.permutation(len(taken))]
    return Interactions(
        np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1]), users, items,
        users=Features({"taste": taste}, {"taste": 4}),
        items=Features({n: v.astype(np.int64) for n, v in known.items()}, {"a": 4, "b": 4, "c": 3, "d": 3}),
    )  # fmt: skip


@pytest.mark.parametrize("mask", ["cfm", "rfm", "dropout", "none"])
def test_it_finds_items_that_were_never_taken(mask):
    data = shop()
    cold = data.item >= 48
    method = ItemSSL(SMALL, mask=mask).fit(data.without(cold), progress=False)
    top, score = method.recommend(data, np.arange(40), k=12)
    right = (top % 4 == (np.arange(40) % 4)[:, None]).mean()
    assert right > 0.6  # a quarter by chance
    assert (np.diff(score, axis=1) <= 0).all()
    seen = set(zip(data.user.tolist(), data.item.tolist(), strict=True))
    assert not any((u, i) in seen for u in range(40) for i in top[u].tolist()[:3])
    np.testing.assert_allclose(np.linalg.norm(method.transform(data), axis=1), 1.0, rtol=1e-5)


def test_without_the_contrast_it_is_two_towers_alone():
    history = ItemSSL(SMALL, alpha=0.0).fit(shop(), progress=False).history[-1]
    assert set(history) == {"loss"}
    assert set(ItemSSL(SMALL).fit(shop(), progress=False).history[-1]) == {"loss", "main", "contrast"}


def test_a_run_goes_on_bit_for_bit_and_a_model_is_kept(tmp_path):
    whole = ItemSSL(SMALL, epochs=3).fit(shop(), progress=False)
    ItemSSL(SMALL, epochs=3).fit(shop(), budget=Budget(epochs=1), resume=tmp_path / "run.safetensors", progress=False)
    again = ItemSSL(SMALL, epochs=3).fit(shop(), resume=tmp_path / "run.safetensors", progress=False)
    assert_same_weights(whole, again)
    whole.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(ItemSSL.load(tmp_path / "m.safetensors").transform(shop()), again.transform(shop()))


def test_the_best_epoch_on_validation_pairs_is_kept():
    data = shop()
    held = np.arange(len(data.user)) % 5 == 0
    given = dataclasses.replace(data.without(held), val_user=data.user[held], val_item=data.item[held])
    method = ItemSSL(SMALL, keep_best=True).fit(given, progress=False)
    assert all(0 < epoch["validation"] <= 1 for epoch in method.history)
    assert method.history[-1]["validation"] > method.history[0]["validation"] or method.history[0]["validation"] > 0.2


def test_correlated_masking_hides_a_feature_with_its_partner():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 5, (500, 3))
    codes = np.concatenate((base, (base + 2) % 5), axis=1)  # feature i and i + 3 tell the same
    table = mutual_information(codes)
    assert table[0, 3] > 0.99
    assert table[0, 1] < 0.1
    related = np.argsort(-table, axis=1, kind="stable")
    together = 0
    for _ in range(200):
        first, second = views(dataclasses.replace(SMALL, value_dropout=0.0), related, 1, rng)
        hidden = first[0]
        assert (hidden != second[0]).all()  # the other view hides the rest
        assert hidden.sum() == 4  # the seed and half of the features
        together += all(hidden[i] == hidden[i + 3] for i in range(3))
    assert together >= 190


def test_random_masking_hides_half_and_values_drop_out_besides():
    rng = np.random.default_rng(0)
    first, second = views(
        dataclasses.replace(SMALL, mask="rfm", value_dropout=0.0), np.zeros((6, 6), np.int64), 50, rng
    )
    assert (first == first[0]).all()
    assert first[0].sum() == 3
    assert (first != second).all()
    first, second = views(
        dataclasses.replace(SMALL, mask="dropout", value_dropout=0.3), np.zeros((6, 6), np.int64), 2000, rng
    )
    assert 0.27 < first.mean() < 0.33
    assert (first != second).any()


def test_a_hidden_value_tells_nothing():
    tower = Tower([5, 3], 4, (8, 6))
    codes = torch.tensor([[0, 1], [4, 1]])
    hide = torch.tensor([True, False])
    out = tower(codes, hide)
    torch.testing.assert_close(out[0], out[1])
    assert not torch.allclose(tower(codes)[0], tower(codes)[1])


def test_few_features_or_none_are_refused():
    data = shop()
    bare = dataclasses.replace(data, items=Features())
    with pytest.raises(BadInputError, match=r"items\.csv"):
        ItemSSL(SMALL).fit(bare, progress=False)
    two = Features({n: data.items.codes[n] for n in "ab"}, {"a": 4, "b": 4})
    with pytest.raises(BadInputError, match="mask='dropout'"):
        ItemSSL(SMALL).fit(dataclasses.replace(data, items=two), progress=False)
    method = ItemSSL(SMALL, mask="dropout", epochs=1).fit(dataclasses.replace(data, items=two), progress=False)
    with pytest.raises(BadInputError, match="learned from"):
        method.transform(data)


def test_the_best_items_are_those_of_a_sort():
    rng = np.random.default_rng(0)
    data = Interactions(np.array([0, 0, 2]), np.array([1, 4, 0]), 3, 9)
    scores = rng.normal(size=(2, 9)).astype(np.float32)
    top, best = top_items(scores, data, np.array([0, 2]), 5)
    for row, (user, known) in enumerate(((0, {1, 4}), (2, {0}))):
        naive = [i for i in np.argsort(-scores[row]).tolist() if i not in known][:5]
        assert top[row].tolist() == naive, user
        np.testing.assert_array_equal(best[row], scores[row][naive])
    with pytest.raises(BadInputError, match="best 10 of 9"):
        top_items(scores, data, np.array([0, 2]), 10)
    with pytest.raises(BadInputError, match="there are 0 to 2"):
        top_items(scores, data, np.array([0, 3]), 2)


def test_ranking_figures_are_scikit_learn_s():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(6, 30))
    truth = rng.random((6, 30)) < 0.2
    truth[3] = False  # nothing to find: left out
    user, item = np.nonzero(truth)
    found = rank_scores(np.argsort(-scores, axis=1)[:, :10], np.arange(6), user, item, ks=(5, 10))
    rows = truth.any(1)
    for k in (5, 10):
        assert found[f"ndcg{k}"] == pytest.approx(100 * metrics.ndcg_score(truth[rows], scores[rows], k=k))
    naive = [truth[r][np.argsort(-scores[r])[:5]].sum() / truth[r].sum() for r in range(6) if truth[r].any()]
    assert found["recall5"] == pytest.approx(100 * np.mean(naive))
    with pytest.raises(BadInputError, match="none of the rows"):
        rank_scores(np.zeros((1, 2), int), np.array([0]), np.array([4]), np.array([0]))
