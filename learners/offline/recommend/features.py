"""Towers: networks that turn categorical descriptions into vectors, one feature at a time hidden if asked."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn


class Tower(nn.Module):
    """Embeds each feature, joins them, and maps to a vector of length 1.

    Each table has one row more than its feature has categories: the default that stands for a hidden value.

    Args:
        sizes: categories of each feature.
        width: of a feature's embedding.
        hidden: widths of the layers; the last is the vector's.

    Shapes: codes (B, K) int64; hide (K,) or (B, K) bool, True where hidden; output (B, hidden[-1]).
    """

    def __init__(self, sizes: list[int], width: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = sizes
        self.tables = nn.ModuleList(nn.Embedding(size + 1, width) for size in sizes)
        for table in self.tables:
            assert isinstance(table, nn.Embedding)
            nn.init.normal_(table.weight, std=width**-0.5)
        layers: list[nn.Module] = []
        for inputs, outputs in zip((len(sizes) * width, *hidden), hidden, strict=False):
            layers += [nn.ReLU()] if layers else []
            layers += [nn.Linear(inputs, outputs)]
        self.layers = nn.Sequential(*layers)

    def forward(self, codes: Tensor, hide: Tensor | None = None) -> Tensor:
        if hide is not None:
            default = torch.tensor(self.sizes, device=codes.device)
            codes = torch.where(hide, default, codes)
        parts = [table(codes[:, i]) for i, table in enumerate(self.tables)]
        return F.normalize(self.layers(torch.cat(parts, 1)), dim=1)
