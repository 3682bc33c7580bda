"""Claims over many comparisons."""

from __future__ import annotations

import pytest

from selfcue.learners.offline.reproduction.over_cells import MoreOften, RanksFirst, mean_ranks

TABLE = {
    ("a", "x"): [{"p": 3.0, "q": 1.0}, {"p": 5.0, "q": 1.0}],  # means 4, 1
    ("a", "y"): [{"p": 3.5, "q": 2.0}, {"p": 3.5, "q": 2.0}],
    ("a", "z"): [{"p": 1.0, "q": 2.0}, {"p": 1.0, "q": 2.0}],
    ("b", "x"): [{"p": 9.0, "q": 9.0}],
    ("b", "y"): [{"p": 8.0, "q": 8.0}],
    ("b", "z"): [{"p": 7.0, "q": 7.0}],
}


def test_ranks_are_means_over_cells_and_equals_share_theirs():
    ranks = mean_ranks(TABLE, ("x", "y", "z"), ("a", "b", "not run"), ("p", "q"))
    assert ranks == pytest.approx({"x": (1 + 3 + 1 + 1) / 4, "y": (2 + 1.5 + 2 + 2) / 4, "z": (3 + 1.5 + 3 + 3) / 4})
    assert mean_ranks(TABLE, ("x", "y"), ("c",), ("p",)) == {}


def test_the_first_in_rank_must_be_alone():
    first = RanksFirst("r", "x", ("x", "y", "z"), ("a", "b"), ("p", "q")).judge(TABLE, "p")
    assert (first.value, first.holds) == (1.5, True)
    assert "next: y, 1.88" in first.how
    assert not RanksFirst("r", "y", ("x", "y", "z"), ("a", "b"), ("p", "q")).judge(TABLE, "p").holds
    tied = RanksFirst("r", "y", ("y", "z"), ("a",), ("q",)).judge(TABLE, "p")
    assert (tied.value, tied.holds) == (1.5, False)
    assert RanksFirst("r", "x", ("x", "y"), ("c",), ("p",)).judge(TABLE, "p").how == "not run"


def test_more_often_means_in_more_than_half_of_the_cells():
    won = MoreOften("m", "x beats y and z", (("x", "y"), ("x", "z")), ("a", "b", "c")).judge(TABLE, "p")
    assert (won.value, won.holds) == (1.0, True)
    half = MoreOften("m", "x beats y", (("x", "y"),), ("a", "b")).judge(TABLE, "q")
    assert (half.value, half.holds) == (0.5, False)
    assert "1 of 2 cells" in half.how
    assert MoreOften("m", "nobody", (("x", "y"),), ("c",)).judge(TABLE, "p").how == "not run"
