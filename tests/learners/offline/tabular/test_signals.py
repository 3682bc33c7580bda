"""The signals between columns against naive loops, and what must hold of them whatever the columns are."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.learners.offline.tabular import signals as signals_module
from selfcue.learners.offline.tabular.column_graph import most_similar, similar_enough
from selfcue.learners.offline.tabular.column_text import ColumnText, clean, columns_of, is_number, tokens_of
from selfcue.learners.offline.tabular.profile import N_FEATURES, profiles
from selfcue.learners.offline.tabular.signals import SIGNALS, signals_of
from selfcue.learners.offline.tabular.word_vectors import word_vectors
from tests.learners.offline.tabular.toy_lake import fleet_lake

CELLS = st.one_of(
    st.sampled_from(["red rover", "blue rover", "site 7", "SITE 7", "", "nan", "3.0", "3", "2.5", "-1", "NULL", "ü-1"]),
    st.integers(-20, 20).map(str),
    st.text(max_size=6),
)
COLUMNS = st.lists(st.lists(CELLS, min_size=1, max_size=12), min_size=2, max_size=5)


def texts(columns):
    return [ColumnText.of(f"t{i}", "c", column) for i, column in enumerate(columns)]


def signal(found, name):
    return found[SIGNALS.index(name)]


def naive(name: str, a: list[str], b: list[str]) -> float:
    """Follow the card, one pair of columns at a time."""
    a, b = ([clean(v) for v in column if clean(v)] for column in (a, b))
    x, y = set(a), set(b)
    if not x or not y:
        return 0.0
    if name == "jaccard":
        return len(x & y) / len(x | y)
    if name == "contained":
        return len(x & y) / len(x)
    if name == "contains":
        return len(x & y) / len(y)
    counts = [Counter(word for value in column for word in set(tokens_of(value))) for column in (a, b)]
    if name == "rare":
        first, second = (
            {min(tokens_of(v), key=lambda w: (counts[i][w], w)) for v in column if tokens_of(v)}
            for i, column in enumerate((a, b))
        )
        return len(first & second) / len(first | second) if first | second else 0.0
    totals = [sum(c.values()) for c in counts]
    if not all(totals):
        return 0.0
    divergence = 0.0
    for word in counts[0].keys() | counts[1].keys():
        p, q = counts[0][word] / totals[0], counts[1][word] / totals[1]
        m = (p + q) / 2
        divergence += 0.5 * sum(r * math.log(r / m) for r in (p, q) if r)
    return 1.0 - divergence


@settings(max_examples=60, deadline=None)
@given(COLUMNS)
def test_set_signals_and_spread_follow_naive_loops(columns):
    found = signals_of(texts(columns))
    for name in ("jaccard", "contained", "contains", "rare", "spread"):
        for a, first in enumerate(columns):
            for b, second in enumerate(columns):
                if a != b:
                    assert signal(found, name)[a, b] == pytest.approx(naive(name, first, second), abs=1e-5), name


@settings(max_examples=60, deadline=None)
@given(COLUMNS)
def test_signals_stay_in_their_ranges_and_are_symmetric_but_for_containment(columns):
    found = signals_of(texts(columns))
    assert np.isfinite(found).all()
    assert found.min() >= -1.0 - 1e-6
    assert found.max() <= 1.0 + 1e-6
    for name in SIGNALS:
        value = signal(found, name)
        if name in ("contained", "contains"):
            continue
        np.testing.assert_allclose(value, value.T, atol=1e-6, err_msg=name)
    np.testing.assert_array_equal(signal(found, "contained"), signal(found, "contains").T)
    filled = np.array([bool(text.counts) for text in texts(columns)])
    assert (signal(found, "spread")[np.ix_(filled, filled)] >= -1e-6).all()
    assert not found[:, ~filled].any()
    worded = np.array([bool(text.token_counts()) for text in texts(columns)])
    np.testing.assert_allclose(np.diag(signal(found, "spread")), worded, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(COLUMNS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_columns_changes_nothing(columns, random):
    shuffled = [random.sample(column, len(column)) for column in columns]
    found = signals_of(texts(columns))
    np.testing.assert_allclose(signals_of(texts(shuffled)), found, atol=1e-5)
    np.testing.assert_allclose(signals_of(texts(columns[::-1]))[:, ::-1, ::-1], found, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=12), st.integers(1, 3))
def test_a_column_is_wholly_like_its_copy(column, times):
    (text,) = texts([column])
    found = signals_of(texts([column, column * times]))
    if text.counts:
        for name in ("jaccard", "contained", "contains"):
            assert signal(found, name)[0, 1] == pytest.approx(1.0)
        if text.token_counts():
            assert signal(found, "spread")[0, 1] == pytest.approx(1.0, abs=1e-5)
            assert signal(found, "words")[0, 1] == pytest.approx(1.0, abs=1e-4)
    else:
        assert not found.any()


def test_words_are_near_that_share_letters():
    vectors = word_vectors(["rover", "rovers", "quarry", "quarries", "7"])
    near = vectors @ vectors.T
    assert near[0, 1] > 0.5 > abs(near[0, 2])
    assert near[2, 3] > 0.4
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    assert word_vectors([]).shape[0] == 0


def test_many_words_are_reduced_to_fifty_directions():
    rng = np.random.default_rng(0)
    words = sorted({"".join(rng.choice(list("abcdefgh"), 6)) for _ in range(300)})
    vectors = word_vectors(words)
    assert vectors.shape == (len(words), 50)
    np.testing.assert_array_equal(vectors, word_vectors(words))


def test_quantiles_compare_how_numbers_lie():
    rng = np.random.default_rng(0)
    columns = [
        [f"{x:.3f}" for x in rng.normal(10, 1, 400)],
        [f"{x:.3f}" for x in rng.normal(10, 1, 400)],
        [f"{x:.3f}" for x in rng.normal(14, 1, 400)],
        [f"{x:.3f}" for x in rng.normal(6, 1, 400)],
        ["a", "b", "c"],
    ]
    value = signal(signals_of(texts(columns)), "quantiles")
    assert value[0, 1] > 0.85
    assert max(value[0, 2], value[0, 3]) < 0.15
    assert not value[4].any()
    # Against the distance between the whole distributions.
    x, y = (np.sort(np.array(c, dtype=np.float64)) for c in columns[:2])
    at = np.concatenate((x, y))
    gap = np.abs(np.searchsorted(x, at, "right") / len(x) - np.searchsorted(y, at, "right") / len(y)).max()
    assert value[0, 1] == pytest.approx(1.0 - gap, abs=0.02)


def test_wide_lakes_are_worked_through_in_chunks(monkeypatch):
    columns = columns_of(fleet_lake())
    whole = signals_of(columns)
    monkeypatch.setattr(signals_module, "_CHUNK", 7)
    np.testing.assert_allclose(signals_of(columns), whole, atol=1e-6)
    monkeypatch.setattr(signals_module, "MAX_COLUMNS", 10)
    with pytest.raises(BadInputError, match=r"11 columns.*at most 10"):
        signals_of(columns)


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (" Harbour ", "harbour"),
        ("7.0", "7"),
        ("-12.000", "-12"),
        ("7.50", "7.50"),
        ("NaN", ""),
        ("None", ""),
        ("NA", "na"),
    ],
)
def test_values_are_cleaned(raw, cleaned):
    assert clean(raw) == cleaned


def test_numbers_are_told_from_words():
    assert [text for text in ("1", "-2.5", "1e9", ".5", "1e999", "inf", "1-2", "", "7 kg") if is_number(text)] == [
        "1", "-2.5", "1e9", ".5",
    ]  # fmt: skip
    assert tokens_of("40.63") == ["40.63"]
    assert tokens_of("rover-07, müller_2") == ["rover", "07", "müller", "2"]
    text = ColumnText.of("t", "c", ["2.5", "2.50", "1", "1", ""])
    found = text.numbers()
    assert found is not None
    values, times = found
    assert (values.tolist(), times.tolist()) == ([1.0, 2.5], [2, 2])
    assert ColumnText.of("t", "c", ["1", "2", "x"]).numbers() is None
    assert ColumnText.of("t", "c", ["a", "a", "b", ""]).uniqueness == pytest.approx(2 / 3)


@settings(max_examples=60, deadline=None)
@given(COLUMNS)
def test_profiles_are_finite_and_zero_for_nothing(columns):
    found = profiles(texts(columns))
    assert found.shape == (len(columns), N_FEATURES)
    assert np.isfinite(found).all()
    for row, text in zip(found, texts(columns), strict=True):
        assert row.any() == bool(text.counts)


def test_profiles_count_characters():
    (row,) = profiles(texts([["ab1", "a", "ü"]]))
    from selfcue.learners.offline.tabular.profile import CHARACTERS

    kinds = len(CHARACTERS) + 1
    mean, share = row[:kinds], row[kinds : 2 * kinds]
    assert mean[CHARACTERS.index("a")] == pytest.approx(2 / 3)
    assert share[CHARACTERS.index("1")] == pytest.approx(1 / 3)
    assert mean[-1] == pytest.approx(1 / 3)  # all other characters
    assert mean.sum() == pytest.approx(5 / 3)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 7), st.integers(1, 4), st.sampled_from([-1.0, 0.0, 1.5]), st.integers(0, 2**31 - 1))
def test_each_column_gets_edges_from_those_most_like_it(n, k, floor, seed):
    rng = np.random.default_rng(seed)
    value = rng.integers(-1, 4, (n, n)).astype(np.float32)
    np.fill_diagonal(value, -np.inf)
    edges = most_similar(value, k, floor)
    for v in range(n):
        sources = edges[0, edges[1] == v]
        ranked = sorted((u for u in range(n) if value[v, u] > floor), key=lambda u: (-value[v, u], u))
        assert sources.tolist() == ranked[:k]
    assert {tuple(e) for e in similar_enough(value, 2.0).T.tolist()} == {
        (u, v) for v in range(n) for u in range(n) if value[v, u] >= 2.0
    }
