"""How each known data set is read into what methods take; truth to be judged by stays apart."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from selfcue.learners.offline.data.csv_table import codes_of, read_csv
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.data.interactions import Features, Interactions
from selfcue.learners.offline.data.task import NodeTask, RankTask
from selfcue.optional import require

if TYPE_CHECKING:
    from selfcue.learners.offline.data.catalogue import DataSet


def planetoid(data: DataSet, folder: Path) -> NodeTask:
    """Cora and Citeseer with the public split."""
    from selfcue.learners.offline.data.planetoid import read_planetoid

    return read_planetoid(folder / "planetoid", data.name)


def webkb(data: DataSet, folder: Path) -> NodeTask:
    """Read Geom-GCN's text files; without a split: all labels are truth, none is in the data."""
    place = (folder / data.files[0].path).parent
    rows = [line.split("\t") for line in (place / "out1_node_feature_label.txt").read_text().splitlines()[1:]]
    rows.sort(key=lambda row: int(row[0]))
    values = [np.array(row[1].split(","), dtype=np.int64) for row in rows]
    if len({len(value) for value in values}) == 1:  # ones and zeros, or else the places of the ones
        x = np.stack(values).astype(np.float32)
    else:
        x = np.zeros((len(values), 932), dtype=np.float32)
        for row, ones in zip(x, values, strict=True):
            row[ones] = 1.0
    edges = np.loadtxt(place / "out1_graph_edges.txt", dtype=np.int64, skiprows=1).T
    y = np.array([int(row[2]) for row in rows], dtype=np.int64)
    return NodeTask(GraphData.of(x, edges, name=data.name), y, np.arange(len(y)))


def acm(data: DataSet, folder: Path) -> NodeTask:
    """Read ACM3025's binary words and its PAP adjacency (papers that share an author)."""
    matlab = require("scipy.io", extra="offline")
    parts = matlab.loadmat(folder / data.files[0].path, variable_names=("feature", "label", "PAP"))
    y = parts["label"].argmax(1).astype(np.int64)
    graph = GraphData.of(parts["feature"].astype(np.float32), np.stack(np.nonzero(parts["PAP"])), name=data.name)
    return NodeTask(graph, y, np.arange(len(y)))


def digits(data: DataSet, folder: Path) -> NodeTask:  # noqa: ARG001 - the package knows where its data are
    """Return scikit-learn's digits, scaled to [0, 1]; edges join each to its 5 nearest neighbours."""
    from selfcue.learners.offline.data.neighbours import neighbour_edges

    sets = require("sklearn.datasets", extra="offline")
    x, y = sets.load_digits(return_X_y=True)
    features = (x / 16.0).astype(np.float32)
    graph = GraphData.of(features, neighbour_edges(features, 5), name=data.name)
    return NodeTask(graph, y.astype(np.int64), np.arange(len(y)))


def gowalla(data: DataSet, folder: Path) -> RankTask:
    """Read the three parts as they were published."""
    train, val, test = (_lists(folder / file.path) for file in data.files)
    size = np.concatenate((train, val, test)).max(0) + 1
    given = Interactions(train[:, 0], train[:, 1], int(size[0]), int(size[1]), val[:, 0], val[:, 1], name=data.name)
    return RankTask(given, test[:, 0], test[:, 1])


def lastfm(data: DataSet, folder: Path, *, seed: int = 0) -> RankTask:
    """Read both parts; a tenth of the training pairs, drawn by ``seed``, validates."""
    train, test = (np.loadtxt(folder / file.path, dtype=np.int64, usecols=(0, 1)) - 1 for file in data.files)
    train, test = np.unique(train, axis=0), np.unique(test, axis=0)
    size = np.concatenate((train, test)).max(0) + 1
    order = np.random.default_rng(seed).permutation(len(train))
    val, kept = train[np.sort(order[: len(train) // 10])], train[np.sort(order[len(train) // 10 :])]
    given = Interactions(
        kept[:, 0].copy(),
        kept[:, 1].copy(),
        int(size[0]),
        int(size[1]),
        val[:, 0].copy(),
        val[:, 1].copy(),
        name=data.name,
    )
    return RankTask(given, test[:, 0], test[:, 1])


def nycflights(data: DataSet, folder: Path) -> RankTask:
    """Which aircraft will fly a route? Queries: carrier, origin, destination, hour; items: aircraft as registered.

    Pairs of January to August train, of September and October validate, of November and December are to be found;
    a pair counts where it first comes. Each aircraft's own number is a feature among others.
    """
    with zipfile.ZipFile(folder / "data" / "flights.csv.zip") as archive, archive.open(archive.namelist()[0]) as raw:
        flights = [
            (int(row["month"]), (row["carrier"], row["origin"], row["dest"], row["hour"]), row["tailnum"])
            for row in csv.DictReader(io.TextIOWrapper(raw, "utf-8"))
            if row["tailnum"] not in ("", "NA")
        ]
    queries = sorted({flight[1] for flight in flights})
    register = read_csv(folder / "data" / "planes.csv")
    craft = sorted(set(register["tailnum"]) & {flight[2] for flight in flights})
    place, q_place = ({name: i for i, name in enumerate(names)} for names in (craft, queries))
    first: dict[tuple[int, int], int] = {}
    for month, query, tail in flights:
        if tail in place:
            first.setdefault((q_place[query], place[tail]), month)
    pairs, months = np.array(list(first)), np.array(list(first.values()))
    parts = [np.ascontiguousarray(pairs[mask]) for mask in (months <= 8, (months > 8) & (months <= 10), months > 10)]
    row_of = {tail: i for i, tail in enumerate(register["tailnum"])}
    known = {name: [register[name][row_of[tail]] for tail in craft] for name in register}
    users = _features({name: [q[i] for q in queries] for i, name in enumerate(("carrier", "origin", "dest", "hour"))})
    train, val, test = parts
    given = Interactions(
        train[:, 0], train[:, 1], len(queries), len(craft), val[:, 0], val[:, 1], users, _features(known),
        tuple(" ".join(query) for query in queries), tuple(craft), data.name,
    )  # fmt: skip
    return RankTask(given, test[:, 0], test[:, 1])


def _features(columns: dict[str, list[str]]) -> Features:
    coded = {name: codes_of(column) for name, column in columns.items()}
    return Features({n: codes for n, (codes, _) in coded.items()}, {n: len(names) for n, (_, names) in coded.items()})


def _lists(path: Path) -> np.ndarray:
    """Return the pairs (M, 2) of a file with lines ``user item item ...``."""
    pairs = []
    with path.open() as file:
        for line in file:
            user, *items = (int(word) for word in line.split())
            pairs += [(user, item) for item in items]
    return np.array(pairs, dtype=np.int64)
