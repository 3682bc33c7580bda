"""What TimeX explains: a classifier of windows, our own or any other that gives a vector and logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from selfcue.errors import BadInputError
from selfcue.learners.offline.timeseries.backbones import Kind, backbone, time_code


class Reference(Protocol):
    """What is asked of a classifier that TimeX is to explain; it is an ``nn.Module`` beside."""

    def embed(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return a vector for each of the windows (B, T, D): (B, Z).

        ``keep`` (B, T) is 0 at steps of which every sensor is hidden: a model that can look away may; others ignore it.
        """
        ...

    def logits(self, z: Tensor) -> Tensor:
        """Return the logits (B, K) that belong to vectors ``z`` (B, Z)."""
        ...


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return each sensor's mean and deviation (D,) over windows (N, T, D); where it never moves the latter is 1."""
    deviation, mean = torch.std_mean(x.double().flatten(0, 1), dim=0, correction=0)
    moves = deviation > 1e-6 * mean.abs()
    return mean.to(x.dtype), torch.where(moves, deviation, 1.0).to(x.dtype)


class WindowClassifier(nn.Module):
    """A small classifier: scale each sensor, one state a step, their mean, two layers.

    ``forward`` takes windows (B, T, D) in the sensors' own units and returns logits (B, K).

    Args:
        kind: transformer (the paper's), cnn or lstm.
        sensors: D.
        classes: K.
        times: (T,) time of each sample, any unit.
        code: width of the time code.
        layers, feed, dropout: of the transformer.
        width: of a state of cnn and lstm.
    """

    code: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(
        self, kind: Kind, sensors: int, classes: int, times: Tensor, *,
        code: int = 16, layers: int = 1, feed: int = 16, width: int = 64, dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.body = backbone(kind, sensors, code=code, layers=layers, feed=feed, width=width, dropout=dropout)
        self.head = nn.Sequential(
            nn.Linear(self.body.width, self.body.width), nn.ReLU(), nn.Linear(self.body.width, classes)
        )
        self.register_buffer("code", time_code(times, code))
        self.register_buffer("mean", torch.zeros(sensors))
        self.register_buffer("scale", torch.ones(sensors))

    @torch.no_grad()
    def fit_scale(self, x: Tensor) -> None:
        """Take each sensor's mean and deviation from windows (N, T, D)."""
        mean, scale = moments(x)
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def states(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return the state of each step (B, T, Z)."""
        states: Tensor = self.body((x - self.mean) / self.scale, self.code, keep)
        return states

    def embed(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        return self.states(x, keep).mean(1)

    def logits(self, z: Tensor) -> Tensor:
        logits: Tensor = self.head(z)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(self.embed(x))


class TorchReference(nn.Module):
    """Your own classifier as TimeX takes it.

    Args:
        body: your net up to the layer whose output stands for a window: (B, T, D) -> (B, Z).
        head: the rest of it: (B, Z) -> (B, K) logits.
        turn: changes windows into the form that ``body`` takes, for instance ``lambda x: x.transpose(1, 2)``.
    """

    def __init__(self, body: nn.Module, head: nn.Module, turn: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.body, self.head, self.turn = body, head, turn

    def embed(self, x: Tensor, keep: Tensor | None = None) -> Tensor:  # noqa: ARG002 - a foreign net cannot look away
        z: Tensor = self.body(self.turn(x) if self.turn is not None else x)
        return z

    def logits(self, z: Tensor) -> Tensor:
        logits: Tensor = self.head(z)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(self.embed(x))


@torch.no_grad()
def reference_sizes(reference: Any, windows: Tensor) -> tuple[int, int]:
    """Return the width of the vectors of ``reference`` and its number of classes, found on ``windows`` (B, T, D).

    Raises:
        BadInputError: it is no reference, or gives something else than (B, Z) vectors and (B, K) logits.
    """
    able = all(callable(getattr(reference, name, None)) for name in ("embed", "logits"))
    if not able or not isinstance(reference, nn.Module):
        raise BadInputError(
            f"the model to explain must be an nn.Module with embed(x, keep) and logits(z), got "
            f"{type(reference).__name__}; wrap it: TorchReference(body, head)"
        )
    embed, to_logits = (getattr(reference, name) for name in ("embed", "logits"))
    was_training = reference.training
    reference.eval()
    z = embed(windows)
    logits = to_logits(z)
    reference.train(was_training)
    if z.ndim != 2 or logits.ndim != 2 or len(z) != len(windows) or logits.shape[1] < 2:
        raise BadInputError(
            f"the model to explain gives vectors {tuple(z.shape)} and logits {tuple(logits.shape)} for "
            f"{len(windows)} windows; expected (B, Z) and (B, K), K at least 2"
        )
    return z.shape[1], logits.shape[1]
