"""All parameters of a module as one vector: an optimiser step, an average or a copy is then one vector operation."""

from __future__ import annotations

import torch
from torch import nn


class FlatParameters:
    """Re-homes the parameters of ``module`` as views into one contiguous vector, their gradients likewise.

    Attributes:
        vector: (n,) float32, the parameters in ``module.named_parameters()`` order; writing to it changes the module.
        gradient: (n,) float32; backward passes add to it.
        names: ``(name, shape)`` of each parameter, in that order.
    """

    def __init__(self, module: nn.Module) -> None:
        named = list(module.named_parameters())
        self.names = [(name, tuple(parameter.shape)) for name, parameter in named]
        self.vector = nn.Parameter(torch.cat([parameter.detach().reshape(-1) for _, parameter in named]))
        self.gradient = torch.zeros_like(self.vector)
        self.vector.grad = self.gradient
        start = 0
        for _, parameter in named:
            span = slice(start, start + parameter.numel())
            parameter.data = self.vector.data[span].view(parameter.shape)
            parameter.grad = self.gradient[span].view(parameter.shape)
            start = span.stop

    def copy_from(self, vector: torch.Tensor) -> None:
        """Overwrite all parameters with ``vector`` (n,)."""
        self.vector.data.copy_(vector)

    def split(self, vector: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return views of ``vector`` (n,) by parameter name, in the module's shapes."""
        parts: dict[str, torch.Tensor] = {}
        start = 0
        for name, shape in self.names:
            count = int(torch.Size(shape).numel())
            parts[name] = vector[start : start + count].view(shape)
            start += count
        return parts
