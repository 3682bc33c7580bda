"""Messages inside a ``State``, in the bus's own encoding, so that waiting messages survive a restart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selfcue import codec
from selfcue.errors import BadInputError
from selfcue.messages import Message
from selfcue.state import State


def messages_to_state(messages: Sequence[Message]) -> State:
    """Return ``messages`` in order as a state; frame j of message i is the array ``i/j``."""
    arrays: dict[str, np.ndarray] = {}
    for i, message in enumerate(messages):
        for j, frame in enumerate(codec.encode(message, host="", count=0)):
            arrays[f"{i}/{j}"] = np.frombuffer(frame, dtype=np.uint8)
    return State({"messages": len(messages)}, arrays)


def messages_from_state(state: State) -> list[Message]:
    """Return what ``messages_to_state`` stored. Raises BadInputError where it does not fit together."""
    messages = []
    for i in range(state.meta["messages"]):
        frames: list[bytes] = []
        while (key := f"{i}/{len(frames)}") in state.arrays:
            frames.append(state.arrays[key].tobytes())
        if not frames:
            raise BadInputError(f"the saved state lacks message {i} of {state.meta['messages']}")
        messages.append(codec.decode(codec.decode_envelope(frames[0]), frames[1:]))
    return messages
