"""A reader of plain pickles that runs nothing. The hostile ones are written opcode by opcode: nothing here pickles."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.plain_pickle import read_plain_pickle


def text(word: str) -> bytes:
    raw = word.encode("latin-1")
    return b"T" + struct.pack("<i", len(raw)) + raw


def dtype_bytes(code: str) -> bytes:
    return (
        b"cnumpy\ndtype\n"
        + text(code)
        + b"K\x00K\x01\x87R(K\x03"
        + text("<")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )


def array_bytes(array: np.ndarray) -> bytes:
    """Return ``array`` as Python 2 pickled it (protocol 2)."""
    shape = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in array.shape) + b"t"
    begin = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text("b") + b"\x87R"
    data = text(array.tobytes().decode("latin-1"))
    return begin + b"(K\x01" + shape + dtype_bytes(array.dtype.str[1:]) + b"\x89" + data + b"tb"


def put(folder: Path, body: bytes) -> Path:
    path = folder / "thing.pickle"
    path.write_bytes(b"\x80\x02" + body + b".")
    return path


@pytest.mark.parametrize("kind", ["<f4", "<f8", "<i4", "<i8"])
def test_an_array_comes_back_as_it_was(tmp_path, kind):
    array = np.arange(6).reshape(2, 3).astype(kind)
    found = read_plain_pickle(put(tmp_path, array_bytes(array)))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_a_sparse_matrix_comes_back_as_it_was(tmp_path):
    parts = {
        "data": np.array([1.5, 2.5], "<f4"),
        "indices": np.array([0, 2], "<i4"),
        "indptr": np.array([0, 1, 2], "<i4"),
    }
    body = b"cscipy.sparse.csr\ncsr_matrix\n)\x81}(" + text("_shape") + b"K\x02K\x03\x86"
    body += b"".join(text(name) + array_bytes(array) for name, array in parts.items()) + b"ub"
    found = read_plain_pickle(put(tmp_path, body))
    np.testing.assert_array_equal(found.toarray(), [[1.5, 0, 0], [0, 0, 2.5]])


def test_lists_of_neighbours_come_back_as_they_were(tmp_path):
    body = b"ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R(K\x00](K\x01K\x02eK\x01]K\x00au"
    assert read_plain_pickle(put(tmp_path, body)) == {0: [1, 2], 1: [0]}


@pytest.mark.parametrize(
    "body",
    [
        b"cos\nsystem\n" + text("touch harmed") + b"\x85R",
        b"cbuiltins\neval\n" + text("1") + b"\x85R",
        b"cnumpy\nload\n" + text("x") + b"\x85R",
        b"ccollections\ndefaultdict\ncbuiltins\nint\n\x85R",
        text("a") + text("b") + b"\x85R",  # calls a text
        b"}" + text("x") + b"b",  # sets the state of a dict
        b"(K\x01K\x02t",
        b"cnumpy\ndtype\n" + text("O") + b"K\x00K\x01\x87R",
        b"}(K\x00" + text("x") + b"u",
        b"c__builtin__\nlist\n)R" + text("deep") + b"a",
    ],
    ids=[
        "system",
        "eval",
        "load",
        "factory",
        "call text",
        "state of dict",
        "tuple",
        "object dtype",
        "text",
        "list of text",
    ],
)
def test_what_is_not_plain_is_refused_and_not_run(tmp_path, monkeypatch, body):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInputError, match="refused"):
        read_plain_pickle(put(tmp_path, body))
    assert not (tmp_path / "harmed").exists()


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_do_anything_but_raise_bad_input(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("fuzz") / "x"
    path.write_bytes(raw)
    try:
        found = read_plain_pickle(path)
    except BadInputError:
        return
    assert isinstance(found, (np.ndarray, dict, list))


def test_a_cut_file_is_refused(tmp_path):
    path = put(tmp_path, array_bytes(np.arange(8.0)))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BadInputError, match="refused"):
        read_plain_pickle(path)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(BadInputError, match="cannot be read"):
        read_plain_pickle(tmp_path / "none")
