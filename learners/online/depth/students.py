"""The depth students by name; each is imported only by who asks for it."""

from __future__ import annotations

from typing import Protocol

from selfcue.learners.online.depth.params import DepthLearnerParams
from selfcue.learners.online.depth.sizes import DepthSizes
from selfcue.learners.online.promotion import PromotableStudent
from selfcue.state import State


class DepthStudent(PromotableStudent, Protocol):
    """A student of depth: knows its sizes, and can be written to disk and started from there."""

    sizes: DepthSizes

    def export_weights(self) -> State:
        """Return the deployed weights, with what it takes to use them."""
        ...

    def start_from(self, weights: State) -> None:
        """Start from what ``export_weights`` gave. Raises BadInputError where it does not fit."""
        ...


def make_student(params: DepthLearnerParams, sizes: DepthSizes) -> DepthStudent:
    """Return the student that ``params`` ask for, for pictures of ``sizes``.

    Raises:
        MissingDependencyError: the dense student needs torch, and it is not installed.
    """
    if params.student == "textons":
        from selfcue.learners.online.depth.textons import TextonStudent

        return TextonStudent(sizes, params.textons, seed=params.seed)
    from selfcue.learners.online.depth.one_thread import one_thread

    one_thread()
    from selfcue.learners.online.depth.dense import DenseStudent

    return DenseStudent(sizes, params.dense, seed=params.seed)
