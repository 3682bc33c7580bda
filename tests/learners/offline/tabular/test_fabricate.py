"""Training pairs made of tables, and the noise in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.learners.offline.tabular.column_text import clean
from selfcue.learners.offline.tabular.fabricate import Fabricated, Recipe, split
from selfcue.learners.offline.tabular.noise import NEIGHBOURS, mistyped, noisy
from tests.learners.offline.tabular.toy_lake import fleet_lake

CLEAN = Recipe(pairs=2, rows=40, noise=0.0, typos=0.1)
ROUGH = Recipe(pairs=2, rows=40, noise=1.0, typos=0.3)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 2**31 - 1))
def test_two_halves_share_columns_and_rows(n_columns, n_rows, seed):
    table = {f"c{i}": tuple(f"{row}:{i}" for row in range(n_rows)) for i in range(n_columns)}
    first, second = split(table, np.random.default_rng(seed), Recipe(1, 20, 0.0, 0.0))
    assert first.keys() | second.keys() == table.keys()
    shared = first.keys() & second.keys()
    assert 1 <= len(shared) <= max(n_columns - 1, 1)
    rows = []
    for half in (first, second):
        (kept,) = {tuple(value.partition(":")[0] for value in values) for values in half.values()}  # rows stay rows
        assert len(set(kept)) == len(kept) >= 1
        rows.append(set(kept))
    assert rows[0] & rows[1]
    assert len(rows[0] | rows[1]) == min(n_rows, 20)


def test_joins_are_columns_of_one_origin():
    lake = fleet_lake()
    made = Fabricated.of(lake, np.random.default_rng(0), CLEAN)
    columns = made.seen.columns
    numbers = {str(i): name for i, name in enumerate(lake.tables)}
    assert made.joins.any()
    assert made.others.any()
    for a, one in enumerate(columns):
        for b, other in enumerate(columns):
            source, twin = one.table.partition("/")[0], other.table.partition("/")[0]
            if one.table == other.table:
                assert not made.joins[a, b] | made.others[a, b]
            else:
                assert made.joins[a, b] == (source == twin and one.name == other.name)
                assert made.others[a, b] == (source == twin and one.name != other.name)
        assert set(one.counts) <= {clean(value) for value in lake.tables[numbers[one.table[0]]][one.name]}
    assert (made.candidates == np.triu(made.candidates)).all()
    assert made.candidates.sum() * 2 == made.seen.apart.sum()


def test_noise_hides_values_and_the_truth_stays():
    lake = fleet_lake()
    overlap = {}
    for name, recipe in (("clean", CLEAN), ("rough", ROUGH)):
        made = Fabricated.of(lake, np.random.default_rng(1), recipe)
        overlap[name] = made.seen.signals[0][made.joins].mean()
    assert overlap["rough"] < 0.6 * overlap["clean"]


def test_random_negatives_are_as_many_and_of_other_tables():
    made = Fabricated.of(fleet_lake(), np.random.default_rng(0), CLEAN)
    drawn = made.negatives("random", np.random.default_rng(1))
    assert not (drawn & (made.joins | made.others)).any()
    assert (drawn <= made.seen.apart).all()
    room = (made.seen.apart & ~made.others & ~made.joins).sum(1)
    np.testing.assert_array_equal(drawn.sum(1), np.minimum(made.others.sum(1), room))
    np.testing.assert_array_equal(made.negatives("fabricated", np.random.default_rng(1)), made.others)
    np.testing.assert_array_equal(made.negatives("all", np.random.default_rng(1)) | made.joins, made.seen.apart)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="abzQ 07-_ü\n", max_size=12), min_size=1, max_size=8), st.integers(0, 2**31 - 1))
def test_typing_errors_hit_neighbouring_keys_alone(values, seed):
    rng = np.random.default_rng(seed)
    found = mistyped(values, rng, 0.5)
    assert len(found) == len(values)
    for before, after in zip(values, found, strict=True):
        assert len(after) == len(before)
        for x, y in zip(before.replace("\n", " "), after, strict=True):
            assert y == x or (y.lower() in NEIGHBOURS[x.lower()] and x.isupper() == y.isupper())
    assert mistyped(values, rng, 0.0) == [value.replace("\n", " ") for value in values]


def test_keys_have_their_neighbours():
    assert set(NEIGHBOURS["g"]) == {"f", "h", "t", "b"}
    assert set(NEIGHBOURS["5"]) == {"4", "6"}
    assert all(a in NEIGHBOURS[b] for a in NEIGHBOURS for b in NEIGHBOURS[a])


def test_the_share_of_typing_errors_is_kept():
    text = ["abcdefghij" * 50] * 20
    found = mistyped(text, np.random.default_rng(0), 0.1)
    wrong = np.mean([x != y for a, b in zip(text, found, strict=True) for x, y in zip(a, b, strict=True)])
    assert wrong == pytest.approx(0.1, abs=0.01)


def test_each_kind_of_column_gets_its_own_noise():
    rng = np.random.default_rng(0)
    dates = noisy(["2024-03-09", "", "2023-12-31"], rng, typos=1.0)
    assert dates[1] == ""
    assert dates[0] in {"09/03/2024", "03-09-2024", "20240309", "09.03.2024"}
    assert noisy(["030-0074321", "Århus", "rover-07", "-5", "a-b"], rng, typos=0.0) == [
        "030 0074321", "Arhus", "rover 07", "-5", "a-b",
    ]  # fmt: skip
    before = rng.normal(50.0, 5.0, 4000)
    after = np.array([float(x) for x in noisy([f"{x:.3f}" for x in before], rng, typos=0.0)])
    assert 0.09 < abs(after.mean() / before.mean() - 1) < 0.51
    assert 0.07 < abs(after.std() / before.std() - 1) < 0.53
    assert len(set(after) & set(before)) < 40
    whole = noisy([str(n) for n in range(100)], rng, typos=0.0)
    assert whole == [str(n) for n in range(100)]  # keys are not drawn anew
