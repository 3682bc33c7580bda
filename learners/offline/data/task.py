"""Data to learn from and, apart from it, the truth to be judged by."""

from __future__ import annotations

from dataclasses import dataclass

from selfcue.learners.offline.data.graph_data import GraphData, IntArray
from selfcue.learners.offline.data.interactions import Interactions
from selfcue.learners.offline.data.table_lake import TableLake


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


@dataclass(frozen=True, eq=False)
class LakeTask:
    """Tables, and which of their columns can be joined.

    Attributes:
        data: what ``fit`` gets: the tables alone.
        keys: (N,) int64, in the order of ``data.columns()``: columns of one number are tied by declared keys.
        domains: (N,) int64: columns of one number can be joined, by keys or because both hold the same kind of thing
            (two columns of cities). No column is tied by its key that is not by its domain.
    """

    data: TableLake
    keys: IntArray
    domains: IntArray
