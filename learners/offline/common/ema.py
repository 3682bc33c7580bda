"""A teacher that is the running average of its student."""

from __future__ import annotations

import copy

import torch
from torch import nn

from selfcue.errors import BadInputError


class EmaTeacher(nn.Module):
    """A copy of ``student`` whose parameters follow it: ``t <- d t + (1 - d) s``; buffers are copied.

    It takes no gradient. As a submodule it is saved with the rest.
    """

    def __init__(self, student: nn.Module, decay: float = 0.99) -> None:
        super().__init__()
        if not 0.0 <= decay <= 1.0:
            raise BadInputError(f"the decay of an average must be in [0, 1], got {decay}")
        self.decay = decay
        self.module = copy.deepcopy(student).requires_grad_(False)  # noqa: FBT003 - torch's own signature

    @torch.no_grad()
    def follow(self, student: nn.Module, decay: float | None = None) -> None:
        """Move towards ``student``, with ``decay`` in place of the usual one where it is given."""
        rate = 1.0 - (self.decay if decay is None else decay)
        for mine, theirs in zip(self.module.parameters(), student.parameters(), strict=True):
            mine.lerp_(theirs, rate)
        for kept, seen in zip(self.module.buffers(), student.buffers(), strict=True):
            kept.copy_(seen)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.module(*inputs)
        return out
