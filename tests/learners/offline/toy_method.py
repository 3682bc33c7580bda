"""The smallest method there is: a line through windows. With mini-batches, so that Fabric has something to spread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from selfcue.learners.offline.about import About
from selfcue.learners.offline.data.windows import Windows
from selfcue.learners.offline.torch_method import TorchMethod
from selfcue.learners.offline.training import Part


@dataclass(frozen=True)
class ToyConfig:
    """Settings of the toy.

    Attributes:
        lr, weight_decay: Adam's.
        epochs: rounds through the windows.
        batch: windows a step.
        dropout: of the inputs.
    """

    lr: float = 0.05
    weight_decay: float = 0.0
    epochs: int = 6
    batch: int = 8
    dropout: float = 0.1


class ToyNet(nn.Module):
    """Predicts the last sample of a window from those before."""

    def __init__(self, length: int, dropout: float) -> None:
        super().__init__()
        self.line = nn.Linear(length - 1, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        window = x[rows]
        error = self.line(self.dropout(window[:, :-1])).squeeze(1) - window[:, -1]
        return {"loss": error.square().mean()}


class Toy(TorchMethod[Windows, ToyConfig]):
    """Learns to continue windows of one sensor."""

    about = About("toy", "timeseries", "A line", "the next sample", "nobody, nowhere")
    Config = ToyConfig
    Data = Windows
    mini_batch = True

    def sizes(self, data: Windows) -> dict[str, Any]:
        return {"length": data.x.shape[1]}

    def build(self, sizes: Mapping[str, Any]) -> ToyNet:
        return ToyNet(sizes["length"], self.config.dropout)

    def prepare(self, data: Windows, device: str, rng: np.random.Generator) -> torch.Tensor:
        return torch.from_numpy(data.x[..., 0]).to(device)

    def batches(self, prepared: torch.Tensor, rng: np.random.Generator, part: Part) -> Iterator[torch.Tensor]:
        order = rng.permutation(len(prepared))
        for start in range(0, len(order), self.config.batch):
            yield torch.from_numpy(part.take(order[start : start + self.config.batch]))

    def transform(self, data: Windows) -> np.ndarray:
        with torch.no_grad():
            return self.fitted().line(torch.from_numpy(data.x[:, :-1, 0])).numpy()  # type: ignore[no-any-return,operator]


class ScoredToy(Toy):
    """The toy with a validation score that is best in the third epoch."""

    def validate(self, net: nn.Module, prepared: torch.Tensor) -> float:
        self.calls = getattr(self, "calls", 0) + 1
        return -float(abs(self.calls - 3))


def waves(n: int = 32, length: int = 6) -> Windows:
    """Return stretches of a wave with a little noise."""
    rng = np.random.default_rng(0)
    phase = rng.random((n, 1)) * 6.3
    x = np.sin(phase + 0.5 * np.arange(length)) + 0.01 * rng.normal(size=(n, length))
    return Windows(x[..., None].astype(np.float32))
