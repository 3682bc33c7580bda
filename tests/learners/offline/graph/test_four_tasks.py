"""The four tasks that node vectors are judged by: nothing of a test part may be seen, and good vectors score well."""

from __future__ import annotations

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.data.task import NodeTask
from selfcue.learners.offline.graph.four_tasks import draw_tasks, four_scores, regions
from selfcue.learners.offline.graph.link_split import link_scores, split_links
from tests.learners.offline.conftest import block_graph

pytest.importorskip("pymetis")


def task() -> NodeTask:
    graph, y = block_graph(n=200, blocks=4)
    return NodeTask(graph, y, np.arange(200))


def as_set(pairs: np.ndarray) -> set[tuple[int, int]]:
    return {(min(u, v), max(u, v)) for u, v in pairs.T.tolist()}


def test_held_out_links_are_nowhere_else():
    whole = task().data
    links = split_links(whole, np.random.default_rng(0))
    everything, seen = as_set(whole.edge_index), as_set(links.seen.edge_index)
    held = [as_set(part.nodes[:, part.joined]) for part in (links.learn, links.test)]
    false = [as_set(part.nodes[:, ~part.joined]) for part in (links.learn, links.test)]
    assert held[0] | held[1] | seen == everything
    assert not seen & (held[0] | held[1])
    assert not held[0] & held[1]
    assert not everything & (false[0] | false[1])
    assert not false[0] & false[1]
    for part in (links.learn, links.test):
        assert (part.nodes[0] != part.nodes[1]).all()
        assert part.joined.mean() == 0.5
        assert len(as_set(part.nodes)) == len(part.joined)
        assert len(part.joined) == pytest.approx(0.2 * len(everything), abs=4)
    assert as_set(links.seen.edge_index[::-1]) == seen


def test_splits_are_drawn_by_the_generator_alone():
    first, again = (split_links(task().data, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first.seen.edge_index, again.seen.edge_index)
    np.testing.assert_array_equal(first.test.nodes, again.test.nodes)
    other = split_links(task().data, np.random.default_rng(5))
    assert as_set(first.seen.edge_index) != as_set(other.seen.edge_index)


def test_vectors_that_know_the_blocks_score_and_noise_does_not():
    tasks = draw_tasks(task(), np.random.default_rng(0))
    assert tasks.data.y is None
    rng = np.random.default_rng(1)
    blocks = (np.eye(4)[tasks.classes] + 0.1 * rng.normal(size=(200, 4))).astype(np.float32)
    noise = rng.normal(size=(200, 4)).astype(np.float32)
    good, bad = (four_scores(z, tasks, 0) for z in (blocks, noise))
    assert good["classes"] > 95
    assert good["clusters"] > 90
    assert good["links"] > 75
    assert bad["classes"] < 45
    assert bad["clusters"] < 15
    assert 30 < bad["links"] < 65
    assert good["mean"] == pytest.approx(np.mean([good[n] for n in ("classes", "clusters", "links", "regions")]))
    where = np.eye(10, dtype=np.float32)[tasks.regions]
    assert four_scores(where + np.float32(0.01) * noise[:, :1], tasks, 0)["regions"] > 80


def test_test_pairs_change_no_choice_and_every_node_has_one_use():
    tasks = draw_tasks(task(), np.random.default_rng(0))
    uses = np.concatenate((tasks.split.train, tasks.split.val, tasks.split.test))
    assert sorted(uses.tolist()) == list(range(200))
    assert len(tasks.split.train) == len(tasks.split.val) == 20
    z = np.random.default_rng(2).normal(size=(200, 3)).astype(np.float32)
    links = tasks.links
    scores = link_scores(z, links)
    turned = type(links)(links.seen, links.learn, type(links.test)(links.test.nodes, ~links.test.joined))
    assert link_scores(z, turned)["auc"] == pytest.approx(1.0 - scores["auc"])


def test_regions_cut_few_edges_and_are_of_nearly_equal_size():
    rows, columns = np.divmod(np.arange(400), 20)
    right = np.stack((np.arange(400)[columns < 19], np.arange(400)[columns < 19] + 1))
    down = np.stack((np.arange(400)[rows < 19], np.arange(400)[rows < 19] + 20))
    grid = GraphData.of(np.ones((400, 1)), np.concatenate((right, down), axis=1))
    parts = regions(grid, 4)
    assert np.bincount(parts).max() <= 1.1 * 100
    cut = (parts[grid.edge_index[0]] != parts[grid.edge_index[1]]).mean()
    assert cut < 0.12  # two straight cuts make 40 of 760 edges; random parts 570
    np.testing.assert_array_equal(parts, regions(grid, 4))


def test_graphs_that_are_too_small_are_refused():
    tiny = GraphData.of(np.ones((4, 1)), [[0, 1], [1, 2]])
    with pytest.raises(BadInputError, match="none can be held out"):
        split_links(tiny, np.random.default_rng(0))
    full = GraphData.of(np.ones((9, 1)), np.stack(np.nonzero(np.triu(np.ones((9, 9)), 1))))
    with pytest.raises(BadInputError, match="nearly all nodes are joined"):
        split_links(full, np.random.default_rng(0), learn=0.2, test=0.2)
    with pytest.raises(BadInputError, match="10 parts of 4 nodes"):
        regions(tiny, 10)
