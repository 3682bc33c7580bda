"""Four tasks that one set of node vectors must serve: classes, clusters, missing links and regions of the graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.common.clustering import cluster_scores, k_means
from selfcue.learners.offline.common.probes import Split, linear_probe
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.data.task import NodeTask
from selfcue.learners.offline.graph.link_split import LinkSplit, link_scores, split_links
from selfcue.optional import require

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
REGIONS = 10
"""Parts that METIS cuts a graph into, as the authors have it."""


@dataclass(frozen=True, eq=False)
class FourTasks:
    """What vectors are judged by; ``fit`` gets ``data`` alone.

    Attributes:
        links: the edges that may be seen, and the pairs that were held out.
        classes: (N,) true classes.
        regions: (N,) the part of the seen graph that each node lies in.
        split: nodes that classifiers of both learn from, choose by and are judged by.
    """

    links: LinkSplit
    classes: IntArray
    regions: IntArray
    split: Split

    @property
    def data(self) -> GraphData:
        """The graph without labels and without held-out edges."""
        return self.links.seen


def draw_tasks(task: NodeTask, rng: np.random.Generator) -> FourTasks:
    """Return the four tasks of ``task``.

    A tenth of its edges is held out to learn links from and a tenth to judge by; a tenth of its nodes is to learn
    classes and regions from, a tenth to choose by, and all others to judge by.
    """
    bare = GraphData(task.data.x, task.data.edge_index, name=task.data.name)
    links = split_links(bare, rng)
    order, tenth = rng.permutation(len(task.truth)), max(1, len(task.truth) // 10)
    split = Split(*(np.sort(part) for part in np.split(order, (tenth, 2 * tenth))))
    return FourTasks(links, task.truth, regions(links.seen, REGIONS), split)


def four_scores(z: FloatArray, tasks: FourTasks, seed: int) -> dict[str, float]:
    """Return figures of the vectors ``z`` (N, D) in percent.

    ``classes`` and ``regions``: accuracy of logistic regression; ``clusters``: normalised mutual information of k-means
    on rows of length 1 with the classes; ``links``: area under the ROC curve (``hits20`` beside it); ``mean``: of these
    four.
    """
    unit = z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)
    labels, _ = k_means(unit, len(np.unique(tasks.classes)), seed, tries=5)
    link = link_scores(z, tasks.links)
    scores = {
        "classes": linear_probe(z, tasks.classes, tasks.split)["test"],
        "clusters": cluster_scores(labels, tasks.classes)["nmi"],
        "links": link["auc"],
        "regions": linear_probe(z, tasks.regions, tasks.split)["test"],
    }
    scores["mean"] = float(np.mean(list(scores.values())))
    return {name: 100.0 * value for name, value in {**scores, "hits20": link["hits20"]}.items()}


def regions(data: GraphData, count: int) -> IntArray:
    """Return which of ``count`` parts of nearly equal size each node is in (N,): METIS' cut through few edges.

    Source: Karypis and Kumar, SIAM Journal on Scientific Computing 1998.

    Raises:
        BadInputError: there are fewer nodes than parts.
    """
    metis = require("pymetis", extra="offline")
    if data.n_nodes < count:
        raise BadInputError(f"{data.name}: {count} parts of {data.n_nodes} nodes")
    order = np.lexsort((data.edge_index[1], data.edge_index[0]))
    starts = np.zeros(data.n_nodes + 1, dtype=np.int64)
    np.cumsum(np.bincount(data.edge_index[0], minlength=data.n_nodes), out=starts[1:])
    graph = metis.CSRAdjacency(adj_starts=starts, adjacent=data.edge_index[1][order])
    _, parts = metis.part_graph(count, adjacency=graph)
    return np.asarray(parts, dtype=np.int64)
