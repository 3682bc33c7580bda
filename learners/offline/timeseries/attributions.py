"""What TimeX is compared with: attributions that ask the classifier itself, from captum; and chance."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from selfcue.optional import require

FloatArray = npt.NDArray[np.float32]
Way = Literal["integrated gradients", "gradient x input", "occlusion", "random"]


class _Logits(nn.Module):
    """A classifier as captum wants it: windows in, logits out."""

    def __init__(self, reference: nn.Module) -> None:
        super().__init__()
        self.reference = reference

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.reference.logits(self.reference.embed(x))  # type: ignore[operator]
        return logits


def attribute(
    way: Way, reference: nn.Module, x: FloatArray, baseline: FloatArray, rng: np.random.Generator, *, steps: int = 32
) -> FloatArray:
    """Return the size of each sample's share in the logit of the class that ``reference`` names (N, T, D), 0 or above.

    Args:
        way: integrated gradients (Sundararajan et al., ICML 2017), gradient x input, occlusion (a twentieth of the
            window, one sensor at a time, half overlapping) or random scores.
        reference: a ``classifier.Reference``, in evaluation mode.
        x: (N, T, D).
        baseline: (T, D): where the path of gradients begins, and what stands in place of occluded samples.
        rng: of the random scores.
        steps: points on the path of integrated gradients.
    """
    if way == "random":
        return rng.random(x.shape, dtype=np.float32)
    captum = require("captum.attr", extra="offline")
    model = _Logits(reference)
    length = max(1, x.shape[1] // 20)
    found = []
    for part in torch.split(torch.from_numpy(x), 64):
        with torch.no_grad():
            target = model(part).argmax(1)
        base = torch.from_numpy(baseline).expand_as(part)
        if way == "integrated gradients":
            share = captum.IntegratedGradients(model).attribute(
                part, base, target=target, n_steps=steps, internal_batch_size=256
            )
        elif way == "gradient x input":
            # About the baseline: without it a sensor with an offset would score for the offset alone.
            gradient = captum.Saliency(model).attribute(part.clone().requires_grad_(), target=target, abs=False)
            share = gradient * (part - base)
        else:
            with torch.no_grad():
                share = captum.Occlusion(model).attribute(
                    part, sliding_window_shapes=(length, 1), strides=(max(1, length // 2), 1), baselines=base,
                    target=target,
                )  # fmt: skip
        found.append(share.detach().abs().to(torch.float32))
    scores: FloatArray = torch.cat(found).numpy()
    return scores
