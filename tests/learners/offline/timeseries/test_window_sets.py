"""Synthetic windows with known truth, archive files, long recordings, and the known sets."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.learners.offline.data import catalogue
from selfcue.learners.offline.data.cut_windows import cut_windows
from selfcue.learners.offline.data.ts_files import read_ts
from selfcue.learners.offline.timeseries.synthetic import MAKERS, make_freqshapes, make_lowvar, make_seqcomb, narma
from tests.learners.offline.conftest import recorded


@pytest.mark.parametrize("name", MAKERS)
def test_sets_are_balanced_and_drawn_from_the_generator(name):
    first, again, other = (MAKERS[name](40, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.windows.x, again.windows.x)
    assert not np.array_equal(first.windows.x, other.windows.x)
    assert first.salient.shape == first.windows.x.shape
    assert np.bincount(np.asarray(first.windows.y)).tolist() == [10, 10, 10, 10]


def test_spikes_are_where_the_truth_says():
    marked = make_freqshapes(80, np.random.default_rng(0), noise=0.0)
    x, y = marked.windows.x[..., 0], marked.windows.y
    np.testing.assert_array_equal(marked.salient[..., 0], x != 0)
    assert y is not None
    for row, label in zip(x, y, strict=True):
        peaks = np.flatnonzero(np.abs(row) == 2.0)
        assert set(np.sign(row[peaks])) == {1.0 if label % 2 else -1.0}
        assert set(np.diff(peaks)) <= {17 if label >= 2 else 10}


@pytest.mark.parametrize("sensors", [1, 4])
def test_trends_go_the_way_of_the_class(sensors):
    marked = make_seqcomb(60, np.random.default_rng(0), sensors=sensors)
    ways = {1: [1, 1], 2: [-1, -1], 3: [1, -1]}
    for x, salient, label in zip(marked.windows.x, marked.salient, marked.windows.y, strict=True):  # type: ignore[arg-type]
        if label == 0:
            assert not salient.any()
            continue
        trends = []
        for sensor in range(sensors):
            edges = np.flatnonzero(np.diff(salient[:, sensor].astype(int), prepend=0, append=0))
            trends += [(begin, np.polyfit(np.arange(end - begin), x[begin:end, sensor], 1)[0], end - begin)
                       for begin, end in edges.reshape(-1, 2)]  # fmt: skip
        trends.sort()
        if len(trends) == 2:  # with one sensor the two may touch
            assert [int(np.sign(slope)) for _, slope, _ in trends] == ways[int(label)]
            assert all(10 <= length < 20 for _, _, length in trends)
    together = marked.salient.any((1, 2))
    assert together.sum() == 45


def test_calm_stretches_lie_on_the_sensor_of_the_class():
    marked = make_lowvar(60, np.random.default_rng(0))
    for x, salient, label in zip(marked.windows.x, marked.salient, marked.windows.y, strict=True):  # type: ignore[arg-type]
        assert salient.any(0).tolist() == [label < 2, label >= 2]
        calm = x[salient]
        assert 10 <= len(calm) < 20
        assert calm.std() < 0.25 < x[~salient].std()
        assert np.sign(calm.mean()) == (1 if label % 2 else -1)


def test_the_background_is_the_process():
    class Drawn:
        """A generator that gives known numbers."""

        def uniform(self, low, high, shape):
            return np.random.default_rng(3).uniform(low, high, shape)

    x, u = narma(2, 30, Drawn()), Drawn().uniform(0.0, 0.5, (2, 50))  # type: ignore[arg-type]
    for t in range(2, 29):
        expected = 0.4 * x[:, t] + 0.4 * x[:, t] * x[:, t - 1] + 0.6 * u[:, 20 + t] ** 3 + 0.1
        np.testing.assert_allclose(x[:, t + 1], expected, rtol=1e-9)


def test_archive_files_are_read(tmp_path):
    path = tmp_path / "A_TRAIN.ts"
    path.write_text("#told\n@problemName A\n@classLabel true walk run\n@data\n1,2,3:4,5,6:run\n7,8,9:0,0,0:walk\n")
    windows, names = read_ts(path)
    assert names == ("walk", "run")
    assert windows.y is not None
    assert windows.y.tolist() == [1, 0]
    np.testing.assert_array_equal(windows.x[0], [[1, 4], [2, 5], [3, 6]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@data\n1,2:a\n", "no @classLabel"),
        ("@classLabel true a b\n@data\n1,x:a\n", "line 1 after @data"),
        ("@classLabel true a b\n@data\n1,2:c\n", "line 1 after @data"),
        ("@classLabel true a b\n@data\n1,2:a\n1,2,3:b\n", "unequal length"),
        ("@classLabel true a b\n@data\n\n", "unequal length, or none"),
        ("@classLabel true a b\n@data\n1,?:a\n", "line 1 after @data"),
    ],
)
def test_other_files_are_refused(tmp_path, text, said):
    path = tmp_path / "A.ts"
    path.write_text(text)
    with pytest.raises(BadInputError, match=said):
        read_ts(path)
    with pytest.raises(BadInputError, match="cannot be read"):
        read_ts(tmp_path / "none.ts")


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 99))
def test_windows_lie_in_one_part_and_class(length, step, seed):
    rng = np.random.default_rng(seed)
    labels, part = np.repeat(rng.integers(-1, 2, 12), 5), np.repeat(np.arange(4), 15)
    signal = np.stack((np.arange(60), labels, part), 1).astype(np.float32)
    possible = [
        b
        for b in range(0, 60 - length + 1, step)
        if np.ptp(labels[b : b + length]) == np.ptp(part[b : b + length]) == 0
    ]
    if not possible:
        with pytest.raises(BadInputError, match="no window"):
            cut_windows(signal, length, step=step, labels=labels, part=part)
        return
    windows = cut_windows(signal, length, step=step, labels=labels, part=part, period_s=0.5)
    assert windows.y is not None
    np.testing.assert_array_equal(windows.x[:, :, 1], np.repeat(windows.y[:, None], length, 1))
    assert (np.ptp(windows.x[:, :, 2], axis=1) == 0).all()
    assert (np.diff(windows.x[:, :, 0], axis=1) == 1).all()
    assert windows.x[:, 0, 0].tolist() == possible


def test_recordings_that_do_not_fit_are_refused():
    with pytest.raises(BadInputError, match=r"got \(9,\)"):
        cut_windows(np.zeros(9), 3, step=1)
    with pytest.raises(BadInputError, match=r"labels must be one a sample, \(9,\), got \(3,\)"):
        cut_windows(np.zeros((9, 2)), 3, step=1, labels=np.zeros(3, dtype=np.int64))
    with pytest.raises(BadInputError, match="no window of 10 samples in 9"):
        cut_windows(np.zeros((9, 2)), 10, step=1)


@pytest.mark.parametrize(
    ("name", "shape", "tests", "classes"),
    [
        ("gunpoint", (50, 150, 1), 150, 2),
        ("italypower", (67, 24, 1), 1029, 2),
        ("arrowhead", (36, 251, 1), 175, 3),
        ("basicmotions", (40, 100, 6), 40, 4),
    ],
)
def test_the_archive_s_sets_are_those_of_the_package(name, shape, tests, classes):
    if importlib.util.find_spec("aeon") is None:
        pytest.skip("aeon is not installed: pip install --no-deps aeon")
    task = catalogue.load(name)
    assert task.data.x.shape == shape
    assert task.test.x.shape == (tests, *shape[1:])
    assert task.test.y is None
    assert len(task.truth) == tests
    assert sorted(set(task.truth)) == sorted(set(task.data.y)) == list(range(classes))


def test_without_the_package_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Exception, match="pip install --no-deps aeon"):
        catalogue.load("gunpoint")


def test_days_of_oil_know_the_next_day():
    recorded("ett")
    task = catalogue.load("etth1")
    assert task.data.x.shape == (482, 24, 7)
    assert task.data.sensors[-1] == "OT"
    oil = np.concatenate((task.data.x, task.test.x))[:, :, -1].mean(1)
    warmer = np.concatenate((task.data.y, task.truth))
    np.testing.assert_array_equal(warmer[:-1], oil[1:] > oil[:-1])
