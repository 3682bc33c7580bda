"""Parts that are saved together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from selfcue.state import State


class Saved(Protocol):
    """Anything that can be saved and go on from there."""

    def state(self) -> State: ...

    def load_state(self, state: State) -> None: ...


def states_of(parts: Mapping[str, Saved]) -> dict[str, State]:
    """Return the state of each part, for ``State.nested``."""
    return {name: part.state() for name, part in parts.items()}


def load_states(parts: Mapping[str, Saved], state: State) -> None:
    """Let each part continue from its share of ``state``."""
    for name, part in parts.items():
        part.load_state(state.part(name))
