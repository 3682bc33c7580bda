"""What the tests of offline methods share: small graphs with blocks, and the recorded data where there are some."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfcue.learners.offline.data.graph_data import GraphData

MISSING = [name for name in ("torch", "sklearn", "safetensors") if importlib.util.find_spec(name) is None]


class _Skipped(pytest.Module):
    """A test module that is not even imported, for it would fail: the extra is not installed."""

    def collect(self):
        pytest.skip(f"{', '.join(MISSING)} not installed; get it with: pip install 'selfcue[offline]'")


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Module | None:
    return _Skipped.from_parent(parent, path=module_path) if MISSING else None


def block_graph(seed: int = 0, *, n: int = 60, blocks: int = 3, features: int = 12) -> tuple[GraphData, np.ndarray]:
    """Return a graph of ``blocks`` groups: more edges within, and words of their own; and whose group each node is."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % blocks
    near = y[:, None] == y[None]
    adjacency = np.triu(rng.random((n, n)) < np.where(near, 0.3, 0.03), 1)
    words = rng.random((n, features)) < np.where(np.arange(features)[None] % blocks == y[:, None], 0.5, 0.1)
    x = words.astype(np.float32) / np.maximum(words.sum(1, keepdims=True), 1)
    graph = GraphData.of(x.astype(np.float32), np.stack(np.nonzero(adjacency)), name="blocks")
    train, val = np.arange(0, n // 3), np.arange(n // 3, 2 * n // 3)
    return graph.with_labels(y.astype(np.int64), train, val), y.astype(np.int64)


def recorded(name: str) -> Path:
    """Return the folder of recorded data that holds ``name``, or skip."""
    root = os.environ.get("SELFCUE_DATA")
    if not root:
        pytest.skip("SELFCUE_DATA is not set: no recorded data here")
    if not (Path(root) / name).exists():
        pytest.skip(f"SELFCUE_DATA has no {name}")
    return Path(root)


def weights_of(method: Any) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy().copy() for name, tensor in method.fitted().state_dict().items()}


def assert_same_weights(first: Any, second: Any) -> None:
    a, b = weights_of(first), weights_of(second)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    import torch

    torch.set_num_threads(1)
