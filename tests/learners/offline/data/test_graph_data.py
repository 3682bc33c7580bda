from __future__ import annotations

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.graph_data import GraphData

X = np.eye(4, dtype=np.float32)


def write_folder(folder, nodes="id,a,b\nx,1,2\ny,3,4\nz,0,1\n", edges="from,to\nx,y\ny,z\n"):
    (folder / "nodes.csv").write_text(nodes)
    (folder / "edges.csv").write_text(edges)
    return folder


def test_edges_become_undirected_single_and_without_loops():
    graph = GraphData.of(X, [[0, 1, 1, 2, 3], [1, 0, 2, 2, 0]])
    assert {tuple(edge) for edge in graph.edge_index.T} == {(0, 1), (1, 0), (1, 2), (2, 1), (3, 0), (0, 3)}
    assert graph.edge_index.shape[1] == 6


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: GraphData.of(X, [[0], [4]]), "nodes are 0 to 3"),
        (lambda: GraphData.of(X, [[0, 1], [1, 2], [2, 3]]), "transpose"),
        (lambda: GraphData.of(np.where(X > 0, np.nan, X), [[0], [1]]), "feature 0 of node 0 is nan"),
        (lambda: GraphData.of(np.zeros((0, 3)), np.zeros((2, 0))), "0 nodes"),
        (lambda: GraphData.of(X, [[0], [1]], y=np.zeros(3, np.int64)), r"y must be \(4,\)"),
        (lambda: GraphData.of(X, [[0], [1]], y=np.full(4, -1), train_mask=np.ones(4, bool)), "label is unknown"),
        (lambda: GraphData(X.astype(np.float64), np.zeros((2, 0), np.int64)), "float32"),
    ],
)
def test_a_wrong_graph_says_what_is_wrong(make, said):
    with pytest.raises(BadInputError, match=said):
        make()


def test_a_folder_of_csv_is_read(tmp_path):
    nodes = "id,a,b,label,split\nx,1,2,cat,train\ny,3,4,dog,val\nz,0,1,ant,test\n"
    graph = GraphData.read(write_folder(tmp_path, nodes))
    np.testing.assert_array_equal(graph.x, [[1, 2], [3, 4], [0, 1]])
    np.testing.assert_array_equal(graph.y, [0, 1, -1])  # the test label stays unknown, its name too
    np.testing.assert_array_equal(graph.train_mask, [True, False, False])
    assert graph.edge_index.shape == (2, 4)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"edges": "from,to\nx,q\n"}, "node 'q' is not in nodes.csv"),
        ({"nodes": "id,a\nx,1\nx,2\n"}, "names a node twice"),
        ({"nodes": "id,a\nx,one\ny,2\nz,3\n"}, "row 1 is 'one', not a number"),
        ({"nodes": "id,a\nx,1\ny,nan\nz,3\n"}, "row 2 is 'nan'"),
        ({"nodes": "id\nx\ny\nz\n"}, "no feature column"),
        ({"nodes": "id,a\nx,1\ny\n"}, "line 3 has 1 fields"),
        ({"edges": "from\nx\n"}, "two columns"),
        ({"nodes": "id,a,label,split\nx,1,c,tarin\ny,1,c,val\nz,1,c,val\n"}, "split 'tarin'"),
    ],
)
def test_a_wrong_folder_says_what_is_wrong(tmp_path, files, said):
    with pytest.raises(BadInputError, match=said):
        GraphData.read(write_folder(tmp_path, **files))


def test_an_npz_is_read_and_one_without_edges_says_so(tmp_path):
    np.savez(tmp_path / "g.npz", x=X, edge_index=np.array([[0], [1]]))
    assert GraphData.read(tmp_path / "g.npz").edge_index.shape == (2, 2)
    np.savez(tmp_path / "h.npz", x=X)
    with pytest.raises(BadInputError, match="no edge_index; it holds x"):
        GraphData.read(tmp_path / "h.npz")


def test_what_pyg_saved_is_read_without_the_test_labels(tmp_path):
    torch = pytest.importorskip("torch")
    data = pytest.importorskip("torch_geometric.data")
    masks = {"train_mask": torch.tensor([1, 0, 0, 0]).bool(), "val_mask": torch.tensor([0, 1, 0, 0]).bool()}
    thing = data.Data(
        x=torch.from_numpy(X), edge_index=torch.tensor([[0, 1], [1, 2]]), y=torch.tensor([1, 0, 1, 0]), **masks
    )
    torch.save(thing, tmp_path / "g.pt")
    graph = GraphData.read(tmp_path / "g.pt")
    assert graph.y is not None
    np.testing.assert_array_equal(graph.y, [1, 0, -1, -1])
    torch.save({"x": 1}, tmp_path / "h.pt")
    with pytest.raises(BadInputError, match="holds a dict"):
        GraphData.read(tmp_path / "h.pt")
    (tmp_path / "i.pt").write_bytes(b"no torch file")
    with pytest.raises(BadInputError, match="not a PyG Data"):
        GraphData.read(tmp_path / "i.pt")


def test_what_is_no_graph_says_what_a_graph_is(tmp_path):
    (tmp_path / "g.txt").write_text("0 1")
    for path in (tmp_path / "g.txt", tmp_path / "none", tmp_path):
        with pytest.raises(BadInputError, match=r"edges\.csv"):
            GraphData.read(path)
