"""The net that says how likely each sample of each sensor is to matter, and the draw of a mask from that."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.learners.offline.timeseries.backbones import Layer


class MaskGenerator(nn.Module):
    """A Transformer decoder over ``[x, time code]`` that looks at an encoder's states.

    ``forward(x, code, states)``: windows (B, T, D), the time code (T, P), states (B, T, Z) -> logits (B, T, D); their
    sigmoid is the probability that a sample matters. (For D = 1 the paper takes a softmax of two: the same function.)
    """

    def __init__(self, sensors: int, code: int, memory: int, *, layers: int, feed: int, dropout: float) -> None:
        super().__init__()
        width = sensors + code
        self.bridge = nn.Linear(memory, width) if memory != width else nn.Identity()
        self.layers = nn.ModuleList(Layer(width, feed, dropout, decoder=True) for _ in range(layers))
        self.out = nn.Linear(width, sensors)

    def forward(self, x: Tensor, code: Tensor, states: Tensor) -> Tensor:
        z, memory = torch.cat((x, code.expand(len(x), -1, -1)), dim=-1), self.bridge(states)
        for layer in self.layers:
            z = layer(z, memory=memory)
        logits: Tensor = self.out(z)
        return logits


def draw_mask(logits: Tensor, *, tau: float = 1.0, hard: bool = True) -> Tensor:
    """Return a mask in the shape of ``logits``: 1 with probability sigmoid(logit), else 0, by Gumbel's trick.

    ``hard`` gives zeros and ones with the gradient of the soft draw (straight through); otherwise the soft draw itself,
    in (0, 1). Drawn from torch's generator.

    Source: Jang, Gu, Poole, ICLR 2017.
    """
    both = torch.stack((F.logsigmoid(-logits), F.logsigmoid(logits)), dim=-1)
    return F.gumbel_softmax(both, tau=tau, hard=hard)[..., 1]
