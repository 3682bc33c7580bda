"""Data to learn from and, apart from it, the truth to be judged by."""

from __future__ import annotations

from dataclasses import dataclass

from selfcue.learners.offline.data.graph_data import GraphData, IntArray
from selfcue.learners.offline.data.interactions import Interactions


@dataclass(frozen=True, eq=False)
class NodeTask:
    """A graph to fit on and the classes to judge by.

    Attributes:
        data: what ``fit`` gets: labels of training and validation nodes alone.
        truth: (N,) int64: all labels; only judges see them.
        test: (M,) int64 ids of the nodes that results are reported on.
    """

    data: GraphData
    truth: IntArray
    test: IntArray


@dataclass(frozen=True, eq=False)
class RankTask:
    """Pairs to fit on and the later ones to judge by.

    Attributes:
        data: training and validation pairs.
        user, item: (M,) int64: test pairs; only judges see them.
    """

    data: Interactions
    user: IntArray
    item: IntArray
