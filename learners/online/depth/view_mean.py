"""What a student expects before it looks: the mean of all that its teacher said about each place of the picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfcue.learners.online.depth.batches import target_of
from selfcue.learners.online.depth.priors import DepthPriors
from selfcue.learners.online.interfaces import Lesson
from selfcue.state import State

_SHRINK = 2.0
"""A row's mean counts as so many lessons of each of its pixels: young means are noisy."""

_START_LESSONS = 20


class ViewMean:
    """A running mean of the lessons' inverse depth, and what it is in the net's terms.

    The net then learns what looking adds to it. A road is mostly its mean; that costs no training step to know.

    Args:
        shape: (h, w) of the student's map.
        rho_max_per_m: largest inverse depth that the student can say [1/m].
    """

    def __init__(self, shape: tuple[int, int], rho_max_per_m: float) -> None:
        self._rho_max_per_m = rho_max_per_m
        self._middle = np.full(shape, 0.5 * rho_max_per_m, dtype=np.float32)
        self._means = DepthPriors()
        self._newest_id = -1

    def meet(self, lesson: Lesson) -> None:
        """Take ``lesson`` in, once."""
        if lesson.id > self._newest_id:
            self._newest_id = lesson.id
            target, weight = target_of(lesson)
            self._means.learn(target, weight > 0)

    def start_from(self, mean: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Start from another student's ``mean`` at any resolution; return it at this one.

        It counts as much as a few lessons that all said the same.
        """
        shape = self._middle.shape
        places = np.ix_(*(np.arange(new) * old // new for new, old in zip(shape, mean.shape, strict=True)))
        mine = mean[places]
        for _ in range(_START_LESSONS):
            self._means.learn(mine, np.ones(shape, dtype=np.bool_))
        return mine

    def map(self) -> npt.NDArray[np.float32]:
        """Return the mean (h, w) [1/m]; half of the largest inverse depth while nothing is known."""
        mean = self._means.pixel_mean(shrink=_SHRINK)
        return self._middle if mean is None else mean.astype(np.float32)

    def offset(self, mean: Tensor) -> Tensor:
        """Return what a net adds nothing to, to say ``mean`` [1/m]: its logit as a share of the largest."""
        return torch.logit(mean / self._rho_max_per_m, eps=0.005)

    def state(self) -> State:
        return State({"newest_id": self._newest_id}).nested(means=self._means.state())

    def load_state(self, state: State) -> None:
        self._newest_id = int(state.meta["newest_id"])
        self._means.load_state(state.part("means"))
