"""What Adam remembers of one vector of parameters, as a ``State`` and back."""

from __future__ import annotations

import torch

from selfcue.state import State

_MOMENTS = ("exp_avg", "exp_avg_sq")


def adam_state(optimiser: torch.optim.Adam, vector: torch.nn.Parameter) -> State:
    """Return the optimiser's count of steps and its two moments (n,) of ``vector``; without arrays before a step."""
    slot = optimiser.state.get(vector, {})
    moments = {name: slot[name].numpy().copy() for name in _MOMENTS if name in slot}
    return State({"steps": int(slot.get("step", 0))}, moments)


def load_adam_state(optimiser: torch.optim.Adam, vector: torch.nn.Parameter, state: State) -> None:
    """Let a new optimiser go on where ``adam_state`` was taken."""
    if state.arrays:
        moments = {name: torch.from_numpy(state.arrays[name].copy()) for name in _MOMENTS}
        optimiser.state[vector] = {"step": torch.tensor(float(state.meta["steps"])), **moments}
