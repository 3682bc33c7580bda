"""Does a mask tell the class by its own shape? Then it is the answer itself, and the data are not read."""

from __future__ import annotations

import math

import numpy as np
import torch

from selfcue.learners.offline.data.windows import Windows
from selfcue.learners.offline.timeseries.mask_generator import draw_mask
from selfcue.learners.offline.timeseries.timex import TimeX
from selfcue.learners.offline.timeseries.timex_data import drawing
from selfcue.learners.offline.timeseries.timex_net import ExplanationNet


@torch.no_grad()
def follows_data(method: TimeX, windows: Windows, rng: np.random.Generator) -> float:
    """Return how often a window that wears the mask of another class is taken for its own class and not the mask's.

    Each window gets the mask of one that the classifier puts in another class; what the explanation's label net says
    then is compared with both classes. 1: the data decide alone; 0: the mask does. NaN where neither is ever named.
    """
    own = method.classify(windows).argmax(1)
    net = method.fitted()
    assert isinstance(net, ExplanationNet)
    others = [np.flatnonzero(own != label) for label in own]
    pairs = [(i, int(rng.choice(other))) for i, other in enumerate(others) if len(other)]
    if not pairs:
        return math.nan
    mine, theirs = np.array(pairs).T
    x = torch.from_numpy(windows.x)
    named = []
    with drawing(0):
        for at in range(0, len(mine), 256):
            mask = draw_mask(net.mask_logits(x[theirs[at : at + 256]]))
            named.append(net.labels(net.explained(x[mine[at : at + 256]], mask)).argmax(1))
    said = torch.cat(named).numpy()
    data, worn = int((said == own[mine]).sum()), int((said == own[theirs]).sum())
    return data / (data + worn) if data + worn else math.nan
