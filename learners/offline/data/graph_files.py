"""A user's graph from files: a folder of two CSV files, an npz, or what PyTorch Geometric saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.csv_table import numbers_of, read_csv
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.data.npz import read_npz
from selfcue.optional import require

_FORMS = "a folder with edges.csv and nodes.csv, an .npz with x and edge_index, or a .pt file of a PyG Data"
_SPLITS = ("train", "val", "test", "")


def read_graph(path: Path) -> GraphData:
    """Return the graph that ``path`` holds; see ``GraphData.read``."""
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        raise BadInputError(f"{path}: no such file or folder; a graph is {_FORMS}")
    if path.suffix == ".npz":
        return _npz(path)
    if path.suffix in {".pt", ".pth"}:
        return _pyg(path)
    raise BadInputError(f"{path}: not a graph; it must be {_FORMS}")


def _folder(folder: Path) -> GraphData:
    for name in ("edges.csv", "nodes.csv"):
        if not (folder / name).exists():
            raise BadInputError(f"{folder}: has no {name}; a graph is {_FORMS}")
    nodes, edges = read_csv(folder / "nodes.csv"), read_csv(folder / "edges.csv")
    if len(edges) < 2:
        raise BadInputError(f"{folder / 'edges.csv'}: needs two columns, from and to; got {', '.join(edges)}")
    first = next(iter(nodes))
    ids = {name: i for i, name in enumerate(nodes[first])}
    if len(ids) < len(nodes[first]):
        raise BadInputError(f"{folder / 'nodes.csv'}: column {first!r} names a node twice")
    pairs = []
    for column in list(edges)[:2]:
        unknown = next((name for name in edges[column] if name not in ids), None)
        if unknown is not None:
            raise BadInputError(f"{folder / 'edges.csv'}: node {unknown!r} is not in nodes.csv")
        pairs.append([ids[name] for name in edges[column]])
    features = [name for name in list(nodes)[1:] if name not in {"label", "split"}]
    if not features:
        raise BadInputError(f"{folder / 'nodes.csv'}: has no feature column beside {first!r}, label and split")
    x = np.stack([numbers_of(nodes[name], f"{folder / 'nodes.csv'}: column {name!r}") for name in features], axis=1)
    labels = _labels(folder, nodes) if "label" in nodes else {}
    return GraphData.of(x, np.array(pairs, dtype=np.int64).reshape(2, -1), name=folder.name, **labels)


def _labels(folder: Path, nodes: dict[str, list[str]]) -> dict[str, Any]:
    """Return classes by sorted name, and masks; labels of nodes whose split is ``test`` stay unknown."""
    split = nodes.get("split") or ["train" if label else "" for label in nodes["label"]]
    odd = next((word for word in split if word not in _SPLITS), None)
    if odd is not None:
        raise BadInputError(f"{folder / 'nodes.csv'}: split {odd!r}; it is train, val, test or empty")
    known = [label if part in ("train", "val") else "" for label, part in zip(nodes["label"], split, strict=True)]
    names = {name: i for i, name in enumerate(sorted(set(known) - {""}))}
    y = np.array([names.get(label, -1) for label in known], dtype=np.int64)
    words = np.array(split)
    return {"y": y, "train_mask": (words == "train") & (y >= 0), "val_mask": (words == "val") & (y >= 0)}


def _npz(path: Path) -> GraphData:
    arrays = read_npz(path, "x", "edge_index")
    labels: dict[str, Any] = {
        name: arrays[name].astype(kind)
        for name, kind in (("y", np.int64), ("train_mask", np.bool_), ("val_mask", np.bool_))
        if name in arrays
    }
    return GraphData.of(arrays["x"], arrays["edge_index"], name=path.stem, **labels)


def _pyg(path: Path) -> GraphData:
    """Read a ``Data`` object: torch's safe loader with PyG's own three classes admitted."""
    torch = require("torch", extra="offline")
    data = require("torch_geometric.data.data", extra="offline")
    storage = require("torch_geometric.data.storage", extra="offline")
    admitted = [data.Data, data.DataEdgeAttr, data.DataTensorAttr, storage.GlobalStorage]
    try:
        with torch.serialization.safe_globals(admitted):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - a hostile or foreign file may fail in any way
        raise BadInputError(f"{path}: not a PyG Data object of plain tensors ({str(error).splitlines()[0]})") from None
    if not isinstance(loaded, data.Data):
        raise BadInputError(f"{path}: holds a {type(loaded).__name__}, not a PyG Data object")
    return GraphData.from_pyg(loaded, name=path.stem)
