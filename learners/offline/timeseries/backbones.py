"""Small nets that turn windows into one state a sample: attention, convolution, recurrence.

All take ``x`` (B, T, D), a time code (T, P) and ``keep`` (B, T): 1 where a step is to be seen, 0 where it is hidden.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

Kind = Literal["transformer", "cnn", "lstm"]


def time_code(times: Tensor, width: int) -> Tensor:
    """Return (T, width): sines and cosines of ``times`` (T,) at scales from one sample to the whole window.

    Samples count from 1 on and are one apart on the median, whatever the unit of ``times``.
    """
    spacing = times.diff().median() if len(times) > 1 else torch.ones(())
    place = (times - times[0]) / spacing + 1.0
    scales = float(len(times)) ** torch.linspace(0.0, 1.0, width // 2)
    angle = place[:, None] / scales
    return torch.cat((angle.sin(), angle.cos()), dim=1)


class Attention(nn.Module):
    """One head that looks from ``x`` (B, T, W) at ``memory`` (B, S, W).

    ``keep`` (B, S) lowers the logit of a hidden step by ``DAMP``. It rides along as one more number of queries and
    keys: torch's fast kernel takes no mask that a gradient must pass, and the gradient to ``keep`` is the point here.
    """

    DAMP = 4.0

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor, keep: Tensor | None = None) -> Tensor:
        width = x.shape[-1]
        q = self.query(x)
        k, v = self.key_value(memory).split(width, dim=-1)
        if keep is not None:
            hidden = self.DAMP * math.sqrt(width) * (keep - 1.0)
            q, k = torch.cat((q, torch.ones_like(q[..., :1])), -1), torch.cat((k, hidden[..., None]), -1)
            v = F.pad(v, (0, 1))
        seen = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], scale=1.0 / math.sqrt(width))
        mixed: Tensor = self.out(seen[:, 0, :, :width])
        return mixed


class Layer(nn.Module):
    """A layer of a Transformer, normed after each part; a decoder's, which also looks at ``memory``, where asked for.

    Source: Vaswani et al., NeurIPS 2017.
    """

    def __init__(self, width: int, feed: int, dropout: float, *, decoder: bool = False) -> None:
        super().__init__()
        self.looks = nn.ModuleList(Attention(width) for _ in range(2 if decoder else 1))
        self.feed = nn.Sequential(nn.Linear(width, feed), nn.ReLU(), nn.Linear(feed, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(len(self.looks) + 1))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, keep: Tensor | None = None, memory: Tensor | None = None) -> Tensor:
        x = self.norms[0](x + self.drop(self.looks[0](x, x, keep)))
        if memory is not None:
            x = self.norms[1](x + self.drop(self.looks[1](x, memory)))
        out: Tensor = self.norms[-1](x + self.drop(self.feed(x)))
        return out


class Attending(nn.Module):
    """Transformer over ``[x, time code]``: its width is D + P."""

    def __init__(self, sensors: int, code: int, layers: int, feed: int, dropout: float) -> None:
        super().__init__()
        self.width = sensors + code
        self.layers = nn.ModuleList(Layer(self.width, feed, dropout) for _ in range(layers))

    def forward(self, x: Tensor, code: Tensor, keep: Tensor | None = None) -> Tensor:
        z = torch.cat((x, code.expand(len(x), -1, -1)), dim=-1)
        for layer in self.layers:
            z = layer(z, keep)
        return z


class Convolving(nn.Module):
    """Three convolutions of ``width`` channels that keep the length; no time code, no hiding of its own."""

    def __init__(self, sensors: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.net = nn.Sequential(
            nn.Conv1d(sensors, width, 7, padding="same"), nn.ReLU(),
            nn.Conv1d(width, width, 5, padding="same"), nn.ReLU(),
            nn.Conv1d(width, width, 3, padding="same"),
        )  # fmt: skip

    def forward(self, x: Tensor, code: Tensor, keep: Tensor | None = None) -> Tensor:  # noqa: ARG002
        states: Tensor = self.net(x.transpose(1, 2)).transpose(1, 2)
        return states


class Remembering(nn.Module):
    """An LSTM that runs both ways, ``width / 2`` each; no time code, no hiding of its own."""

    def __init__(self, sensors: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.net = nn.LSTM(sensors, width // 2, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, code: Tensor, keep: Tensor | None = None) -> Tensor:  # noqa: ARG002
        states: Tensor = self.net(x)[0]
        return states


def backbone(
    kind: Kind, sensors: int, *, code: int, layers: int, feed: int, width: int, dropout: float
) -> Attending | Convolving | Remembering:
    """Return the net ``kind``; its attribute ``width`` is the width of a state.

    Args:
        kind: which.
        sensors: D.
        code: width of the time code (transformer).
        layers, feed, dropout: of the transformer.
        width: of a state (cnn, lstm).
    """
    if kind == "transformer":
        return Attending(sensors, code, layers, feed, dropout)
    return Convolving(sensors, width) if kind == "cnn" else Remembering(sensors, width)
