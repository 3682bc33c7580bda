"""ExampleMethod: hide samples of a window and rebuild them from the others. Replace this by what your paper does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from selfcue.errors import BadInputError
from selfcue.learners.offline.about import About
from selfcue.learners.offline.data.windows import Windows
from selfcue.learners.offline.torch_method import TorchMethod
from selfcue.learners.offline.training import Part


@dataclass(frozen=True)
class ExampleMethodConfig:
    """Settings; the defaults should run on two cores.

    Attributes:
        hidden: width of a window's vector.
        mask_rate: share of samples hidden in each step.
        batch: windows a step.
        lr, weight_decay: Adam's.
        epochs: rounds through the windows.
    """

    hidden: int = 32
    mask_rate: float = 0.3
    batch: int = 64
    lr: float = 3e-3
    weight_decay: float = 0.0
    epochs: int = 20

    def __post_init__(self) -> None:
        if not (self.hidden > 0 and 0.0 < self.mask_rate < 1.0 and self.batch > 0):
            raise BadInputError(f"needs hidden and batch above 0, mask_rate between 0 and 1; got {self}")

    @classmethod
    def paper(cls, data: str = "") -> ExampleMethodConfig:  # noqa: ARG003 - one for all data
        """Return the paper's settings."""
        return cls(hidden=256, epochs=200)


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows of one step (B,) and which of their numbers are hidden (B, T * D)."""

    rows: Tensor
    hidden: Tensor


class MaskedNet(nn.Module):
    """Encoder and decoder. ``forward`` returns loss terms by name; the one under ``loss`` is descended."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.decoder = nn.Linear(hidden, width)

    def forward(self, prepared: Tensor, batch: Batch) -> dict[str, Tensor]:
        x = prepared[batch.rows]
        rebuilt = self.decoder(self.encoder(x.masked_fill(batch.hidden, 0.0)))
        return {"loss": (rebuilt - x)[batch.hidden].square().mean()}


class ExampleMethod(TorchMethod[Windows, ExampleMethodConfig]):
    """One vector for each window."""

    about: ClassVar[About] = About(
        name="example_method",
        family="timeseries",
        title="ExampleMethod: the title of your paper",
        task="vectors of windows",
        source="authors, place, year, address",
    )
    Config = ExampleMethodConfig
    Data = Windows
    mini_batch = True

    def sizes(self, data: Windows) -> dict[str, Any]:
        """Say what the net needs to know of the data, and refuse what cannot be learned from."""
        if len(data.x) < 2:
            raise BadInputError(f"{data.name}: needs two windows or more")
        return {"length": data.x.shape[1], "sensors": data.x.shape[2]}

    def build(self, sizes: Mapping[str, Any]) -> MaskedNet:
        """Return the net; its weights come from torch's generator, which the seed set."""
        return MaskedNet(sizes["length"] * sizes["sensors"], self.config.hidden)

    def prepare(self, data: Windows, device: str, rng: np.random.Generator) -> Tensor:  # noqa: ARG002
        """Bring the data into the form that ``forward`` takes."""
        return torch.from_numpy(data.x.reshape(len(data.x), -1)).to(device)

    def batches(self, prepared: Tensor, rng: np.random.Generator, part: Part) -> Iterator[Batch]:
        """Yield one epoch; every random choice is drawn from ``rng``, and ``part`` is this process' share."""
        order = rng.permutation(len(prepared))
        for start in range(0, len(order), self.config.batch):
            rows = order[start : start + self.config.batch]
            hidden = rng.random((len(rows), prepared.shape[1])) < self.config.mask_rate
            hidden[:, 0] |= ~hidden.any(1)  # something is always hidden
            mine, masks = torch.from_numpy(part.take(rows)), torch.from_numpy(part.take(hidden))
            if len(mine):
                yield Batch(mine.to(prepared.device), masks.to(prepared.device))

    @torch.no_grad()
    def transform(self, data: Windows) -> npt.NDArray[np.float32]:
        """Return the vector of each window (N, hidden)."""
        net = self.fitted()
        assert isinstance(net, MaskedNet)
        shape = (self.facts["length"], self.facts["sensors"])
        if data.x.shape[1:] != shape:
            raise BadInputError(f"{data.name}: windows of {data.x.shape[1:]}; learned from {shape}")
        vectors: npt.NDArray[np.float32] = net.encoder(self.prepare(data, "cpu", np.random.default_rng(0))).numpy()
        return vectors
