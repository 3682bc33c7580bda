from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from selfcue.errors import BadInputError
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.data.interactions import Interactions
from selfcue.learners.offline.recommend.collaborative import Bipartite
from selfcue.learners.offline.recommend.dccf import DCCF, DCCFConfig, DCCFNet
from selfcue.learners.offline.recommend.dccf_reproduction import prepare
from selfcue.learners.offline.recommend.lightgcn import LightGCN, LightGCNConfig
from selfcue.learners.offline.recommend.top import rank_scores
from tests.learners.offline.conftest import assert_same_weights, recorded

SMALL = DCCFConfig(dim=8, intents=4, batch=64, steps=4, epochs=12, lr=0.02)


def tastes(seed: int = 0, *, noise: float = 0.0) -> tuple[Interactions, np.ndarray, np.ndarray]:
    """Return pairs of 40 users and 30 items of three tastes, and held-out ones; a share ``noise`` is random."""
    rng = np.random.default_rng(seed)
    pairs = np.array([(u, i) for u in range(40) for i in range(30) if u % 3 == i % 3])
    pairs = pairs[rng.permutation(len(pairs))]
    test, val, train = np.split(pairs, [60, 100])
    wrong = rng.random(len(train)) < noise
    train[wrong, 1] = rng.integers(0, 30, int(wrong.sum()))
    train = np.unique(train, axis=0)
    columns = [np.ascontiguousarray(c) for c in (*train.T, *val.T)]
    return Interactions(columns[0], columns[1], 40, 30, columns[2], columns[3]), test[:, 0], test[:, 1]


@pytest.mark.parametrize("kind", ["dccf", "lightgcn", "sgl", "factors"])
def test_each_filter_finds_what_was_held_out(kind):
    data, user, item = tastes()
    light = LightGCNConfig(dim=8, batch=64, steps=4, epochs=12, lr=0.02)
    makers: dict[str, Callable[[], Any]] = {
        "dccf": lambda: DCCF(SMALL),
        "lightgcn": lambda: LightGCN(light),
        "sgl": lambda: LightGCN(light, contrast=0.01),
        "factors": lambda: LightGCN(light, layers=0, epochs=25),
    }
    method = makers[kind]().fit(data, progress=False)
    rows = np.unique(user)
    top, _ = method.recommend(data, rows, k=5)
    assert rank_scores(top, rows, user, item, ks=(5,))["recall5"] > 60  # 5 of 30 are a sixth by chance
    assert method.transform(data).shape == (70, 8)


def test_pairs_that_look_like_noise_are_told_apart():
    data, _, _ = tastes(noise=0.15)
    method = DCCF(SMALL, epochs=25).fit(data, progress=False)
    wrong = data.user % 3 != data.item % 3
    weight = method.edge_weights(data)
    assert 20 < wrong.sum() < 80
    assert weight[wrong].mean() < weight[~wrong].mean() - 0.2
    intents = method.user_intents(data)
    assert intents.shape == (40, 4)
    np.testing.assert_allclose(intents.sum(1), 1.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "views"),
    [({}, 3), ({"disentangle": False}, 2), ({"graph_mask": False}, 2), ({"intent_mask": False}, 2)],
)
def test_each_part_can_be_taken_out(change, views):
    data, _, _ = tastes()
    net = DCCFNet(dataclasses.replace(SMALL, **change), 40, 30)
    _, layers = net.hops(Bipartite.of(data, "cpu"))
    assert [len(layer.views) for layer in layers] == [views, views]
    alone = DCCF(SMALL, contrast=0.0, epochs=1).fit(data, progress=False)
    assert set(alone.history[0]) == {"loss", "ranking", "validation"}


def test_hops_follow_the_dense_formulas():
    data, _, _ = tastes()
    graph = Bipartite.of(data, "cpu")
    torch.manual_seed(0)
    net = DCCFNet(dataclasses.replace(SMALL, layers=1), 40, 30)
    with torch.no_grad():
        found, (layer,) = net.hops(graph)
        e = net.embedding
        a = torch.zeros(70, 70)
        a[data.user, data.item + 40] = a[data.item + 40, data.user] = 1.0
        d = a.sum(1).clamp_min(1).rsqrt()
        z = (d[:, None] * a * d) @ e
        c = net.user_intents, net.item_intents
        r = torch.cat((torch.softmax(e[:40] @ c[0], 1) @ c[0].T, torch.softmax(e[40:] @ c[1], 1) @ c[1].T))
        views = [r]
        for x in (z, r):
            cosine = torch.nn.functional.cosine_similarity(x[:, None], x[None], dim=2)
            alpha = a * (cosine + 1) / 2
            views.append(alpha / alpha.sum(1, keepdim=True).clamp_min(1e-12) @ e)
    torch.testing.assert_close(layer.local, z, rtol=1e-4, atol=1e-6)
    for ours, theirs in zip(layer.views, views, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found, e + z + sum(views) + e, rtol=1e-4, atol=1e-6)


def test_draws_are_chosen_and_not_chosen_pairs():
    data, _, _ = tastes()
    triples = Bipartite.of(data, "cpu").draw(500, np.random.default_rng(0))
    known = set(zip(data.user.tolist(), data.item.tolist(), strict=True))
    assert all((u, i) in known and (u, j) not in known for u, i, j in triples.tolist())
    assert len(set(triples[:, 0].tolist())) == len(set(data.user.tolist()))


def test_a_run_goes_on_bit_for_bit_and_a_model_is_kept(tmp_path):
    data, _, _ = tastes()
    whole = DCCF(SMALL, epochs=3).fit(data, progress=False)
    DCCF(SMALL, epochs=3).fit(data, budget=Budget(epochs=2), resume=tmp_path / "run.safetensors", progress=False)
    again = DCCF(SMALL, epochs=3).fit(data, resume=tmp_path / "run.safetensors", progress=False)
    assert_same_weights(whole, again)
    whole.save(tmp_path / "m.safetensors")
    loaded = DCCF.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.transform(data), whole.transform(data))
    with pytest.raises(BadInputError, match="learned from"):
        loaded.recommend(dataclasses.replace(data, n_items=31), np.array([0]))


def test_users_without_items_are_borne():
    data, _, _ = tastes()
    sparse = data.without(data.user < 5)
    method = DCCF(SMALL, epochs=2).fit(sparse, progress=False)
    top, score = method.recommend(sparse, np.arange(5), k=3)
    assert top.shape == (5, 3)
    assert np.isfinite(score).all()


def test_noise_replaces_pairs_and_leaves_the_test_alone():
    recorded("lastfm_lightgcn")
    clean, noisy = prepare("lastfm", 0), prepare("lastfm+25%", 0)
    np.testing.assert_array_equal(clean.item, noisy.item)
    kept = {*zip(clean.data.user.tolist(), clean.data.item.tolist(), strict=True)}
    now = {*zip(noisy.data.user.tolist(), noisy.data.item.tolist(), strict=True)}
    assert 0.73 < len(kept & now) / len(kept) < 0.78


def test_wrong_settings_are_refused():
    with pytest.raises(BadInputError, match="got DCCFConfig"):
        DCCFConfig(intents=0)
