"""Masking, schedules, the averaged teacher, collapse figures, few-label draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.learners.offline.common.collapse import effective_rank, mean_cosine, spread
from selfcue.learners.offline.common.ema import EmaTeacher
from selfcue.learners.offline.common.few_labels import draw_split
from selfcue.learners.offline.common.masking import mask_nodes
from selfcue.learners.offline.common.schedules import half_cosine, warm_cosine


@given(st.integers(1, 60), st.floats(0, 0.99), st.floats(0, 0.99), st.integers(0, 5))
def test_a_mask_is_a_partition(n, rate, replace, seed):
    masked = mask_nodes(n, rate, replace, np.random.default_rng(seed))
    count = int(rate * n)
    if not count:
        assert masked.hidden.tolist() == masked.kept.tolist() == masked.shown_rows.tolist() == list(range(n))
        assert not len(masked.tokens)
        return
    assert len(masked.hidden) == count
    assert sorted([*masked.hidden, *masked.kept]) == list(range(n))
    assert sorted([*masked.tokens, *masked.shown]) == list(range(n))
    assert len(masked.tokens) == count - int(replace * count)
    own = masked.shown_rows == masked.shown
    assert own[: len(masked.kept)].all()
    assert set(masked.shown[len(masked.kept) :]) <= set(masked.hidden)


def test_masks_differ_from_step_to_step():
    rng = np.random.default_rng(0)
    assert mask_nodes(50, 0.5, 0.1, rng).hidden.tolist() != mask_nodes(50, 0.5, 0.1, rng).hidden.tolist()


def test_schedules_begin_and_end_where_they_should():
    assert [half_cosine(p) for p in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.5, 0.0])
    assert [warm_cosine(p, 0.2) for p in (0.0, 0.1, 0.2, 0.6, 1.0)] == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0])


def test_the_teacher_follows_at_its_own_pace_and_takes_no_gradient():
    student = torch.nn.BatchNorm1d(1)
    teacher = EmaTeacher(student, 0.75)
    with torch.no_grad():
        student.weight.fill_(5.0)
        student.get_buffer("running_mean").fill_(3.0)
    teacher.follow(student)
    followed = teacher.module.get_parameter("weight")
    assert float(followed.detach()) == pytest.approx(0.75 * 1 + 0.25 * 5)
    assert float(teacher.module.get_buffer("running_mean")) == 3.0
    assert not any(p.requires_grad for p in teacher.parameters())
    teacher.follow(student, decay=0.0)
    assert float(followed.detach()) == 5.0
    with pytest.raises(BadInputError, match="decay"):
        EmaTeacher(student, 1.5)


def test_effective_rank_counts_directions():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 8)).astype(np.float32)
    assert 7.5 < effective_rank(z) <= 8.0
    flat = z.copy()
    flat[:, 3:] = 0
    assert 2.8 < effective_rank(flat) <= 3.0
    assert effective_rank(np.outer(z[:, 0], np.ones(8)).astype(np.float32)) == pytest.approx(1.0, abs=0.01)
    assert effective_rank(np.full((10, 8), 3.3, dtype=np.float32)) == 0.0


def test_effective_rank_follows_its_formula():
    z = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
    values = np.sqrt(np.linalg.eigvalsh(np.cov(z.T.astype(np.float64), ddof=0)) * len(z))
    share = values / values.sum()
    assert effective_rank(z) == pytest.approx(math.exp(-sum(s * math.log(s) for s in share)), rel=1e-5)


def test_spread_and_mean_cosine_tell_a_sphere_from_a_point():
    z = np.random.default_rng(0).normal(size=(500, 16)).astype(np.float32)
    assert 0.95 < spread(z) < 1.05
    assert abs(mean_cosine(z)) < 0.02
    point = np.ones((5, 16), dtype=np.float32)
    assert spread(point) == pytest.approx(0.0, abs=1e-6)
    assert mean_cosine(point) == pytest.approx(1.0)
    with pytest.raises(BadInputError, match="N at least 2"):
        spread(point[:1])


def test_few_labels_are_drawn_evenly_and_apart():
    y = np.repeat([0, 1, 2, -1], 40)
    split = draw_split(y, 5, np.random.default_rng(0), n_val=20, n_test=60)
    assert np.bincount(y[split.train]).tolist() == [5, 5, 5]
    everyone = np.concatenate((split.train, split.val, split.test))
    assert len(set(everyone)) == 15 + 20 + 60
    assert (y[everyone] >= 0).all()
    with pytest.raises(BadInputError, match="class 0 has 40"):
        draw_split(y, 41, np.random.default_rng(0))
    with pytest.raises(BadInputError, match="only 105 are left"):
        draw_split(y, 5, np.random.default_rng(0), n_val=100, n_test=100)
