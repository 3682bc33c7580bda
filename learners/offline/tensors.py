"""Torch objects as named arrays and JSON, and back: what a checkpoint is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from selfcue.errors import BadInputError
from selfcue.state import State


def module_state(module: nn.Module) -> State:
    """Return all parameters and buffers of ``module``."""
    return State({}, {name: _array(tensor) for name, tensor in module.state_dict().items()})


def load_module(module: nn.Module, state: State) -> None:
    """Give ``module`` the parameters and buffers of ``state``. Raises BadInputError where they do not fit."""
    try:
        module.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in state.arrays.items()})
    except RuntimeError as error:
        raise BadInputError(
            f"the saved weights do not fit the settings ({str(error).splitlines()[-1].strip()})"
        ) from None


def optimiser_state(optimiser: torch.optim.Optimizer) -> State:
    """Return what ``optimiser`` keeps for each parameter (moments, steps), and its groups' settings."""
    whole = optimiser.state_dict()
    meta: dict[str, Any] = {"groups": whole["param_groups"], "plain": {}}
    arrays: dict[str, np.ndarray] = {}
    for index, kept in whole["state"].items():
        for name, value in kept.items():
            if isinstance(value, torch.Tensor):
                arrays[f"{index}/{name}"] = _array(value)
            else:
                meta["plain"][f"{index}/{name}"] = value
    return State(meta, arrays)


def load_optimiser(optimiser: torch.optim.Optimizer, state: State) -> None:
    """Let ``optimiser`` go on from ``optimiser_state``."""
    kept: dict[int, dict[str, Any]] = {}
    for key, array in state.arrays.items():
        index, _, name = key.partition("/")
        kept.setdefault(int(index), {})[name] = torch.from_numpy(array.copy())
    for key, value in state.meta["plain"].items():
        index, _, name = key.partition("/")
        kept.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({"state": kept, "param_groups": state.meta["groups"]})


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()
