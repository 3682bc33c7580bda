from __future__ import annotations

import pytest

from selfcue.errors import BadInputError
from selfcue.learners.online.bounds import lower_bound, upper_bound


@pytest.mark.parametrize(("misses", "least"), [(0, 59), (1, 93), (2, 124)])
def test_95_percent_takes_59_events_without_a_miss_93_with_one_124_with_two(misses, least):
    assert lower_bound(least - misses, least) >= 0.95
    assert lower_bound(least - 1 - misses, least - 1) < 0.95


@pytest.mark.parametrize(("misses", "least"), [(0, 29), (1, 46)])
def test_90_percent_takes_29_or_46(misses, least):
    assert lower_bound(least - misses, least) >= 0.90
    assert lower_bound(least - 1 - misses, least - 1) < 0.90


def test_equals_the_beta_quantiles():
    beta = pytest.importorskip("scipy.stats").beta
    for trials in (1, 7, 60, 200):
        for hits in {0, 1, trials // 3, trials - 1, trials}:
            lower = 0.0 if hits == 0 else beta.ppf(0.05, hits, trials - hits + 1)
            upper = 1.0 if hits == trials else beta.ppf(0.95, hits + 1, trials - hits)
            assert lower_bound(hits, trials) == pytest.approx(lower, abs=1e-9)
            assert upper_bound(hits, trials) == pytest.approx(upper, abs=1e-9)


def test_nothing_seen_proves_nothing():
    assert lower_bound(0, 0) == 0.0
    assert upper_bound(0, 0) == 1.0
    with pytest.raises(BadInputError, match="5 in 3"):
        lower_bound(5, 3)
