"""States on disk: whole or not at all, equal when read back, and never code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.state import State, generator_from, generator_state, load_state, save_state


def a_state() -> State:
    return State({"k": 3, "name": "x"}, {"w/a": np.arange(6, dtype=np.float32).reshape(2, 3)})


def test_a_state_comes_back_equal(tmp_path: Path) -> None:
    whole = State({"top": 1}).nested(net=a_state(), rng=State({"s": 1}))
    save_state(tmp_path / "s.npz", whole)
    back = load_state(tmp_path / "s.npz")
    assert back.digest() == whole.digest()
    assert back.part("net").digest() == a_state().digest()
    with pytest.raises(BadInputError, match="no part 'other'"):
        back.part("other")


def test_the_digest_sees_every_bit() -> None:
    changed = a_state()
    changed.arrays["w/a"][1, 2] = np.nextafter(np.float32(5), np.float32(6))
    assert changed.digest() != a_state().digest()
    assert State({"k": 4, "name": "x"}, a_state().arrays).digest() != a_state().digest()


@given(cut=st.integers(0, 400))
def test_a_cut_file_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("state") / "s.npz"
    save_state(path, a_state())
    whole = path.read_bytes()
    path.write_bytes(whole[: min(cut, len(whole) - 1)])
    with pytest.raises(BadInputError, match="not a whole state file"):
        load_state(path)


def test_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", __meta__=np.array([object()]))
    with pytest.raises(BadInputError, match="not a whole state file"):
        load_state(tmp_path / "s.npz")


def test_a_generator_goes_on_where_it_was() -> None:
    generator = np.random.default_rng(5)
    generator.random(3)
    again = generator_from(generator_state(generator))
    assert np.array_equal(generator.random(5), again.random(5))
