"""The contract of an offline method, and the capabilities that it may have.

A method is a class that a package registers as an entry point of the group ``selfcue.methods``. It needs no base class:
what follows is all that the command line and the reproductions ask for. Methods that train one torch module get most
of it from ``selfcue.learners.offline.torch_method.TorchMethod``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from selfcue.learners.offline.about import About
from selfcue.learners.offline.budget import Budget

if TYPE_CHECKING:
    from typing_extensions import Self

D_contra = TypeVar("D_contra", contravariant=True)
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@runtime_checkable
class Method(Protocol[D_contra]):
    """A self-supervised method over data of one family.

    Attributes:
        about: its card.
        Config: frozen dataclass of every setting; the defaults run on two cores, ``Config.paper(data)`` are the paper's
            for a data set.
        Data: the family's data type; ``Data.read(path)`` reads a user's files.
        history: one map of figures per epoch of the last ``fit``.
    """

    about: ClassVar[About]
    Config: ClassVar[type]
    Data: ClassVar[type]
    history: list[dict[str, float]]

    def fit(
        self,
        data: D_contra,
        *,
        seed: int = 0,
        device: str = "cpu",
        budget: Budget | None = None,
        resume: Path | None = None,
        progress: bool = True,
    ) -> Self:
        """Learn from ``data``.

        Args:
            data: labels of test items are never in it.
            seed: same data, settings and seed: same weights, bit for bit (on one device type and thread count).
            device: as torch names it: cpu, cuda, cuda:1, mps.
            budget: stop earlier than the settings say, after so many epochs or seconds.
            resume: file to go on from where it exists, and to keep up to date meanwhile.
            progress: show a bar.

        Raises:
            BadInputError: the data cannot be learned from, or ``resume`` belongs to another run.
        """
        ...

    def save(self, path: Path) -> None:
        """Write weights (safetensors) to ``path`` and settings (JSON) beside it."""
        ...

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote."""
        ...


@runtime_checkable
class Transforms(Protocol[D_contra]):
    """Turns data into vectors."""

    def transform(self, data: D_contra) -> FloatArray:
        """Return one vector an item, (N, D)."""
        ...


@runtime_checkable
class Predicts(Protocol[D_contra]):
    """Names a class (or a cluster) of each item."""

    def predict(self, data: D_contra) -> IntArray:
        """Return (N,) classes from 0."""
        ...

    def predict_proba(self, data: D_contra) -> FloatArray:
        """Return (N, K) probabilities; rows sum to 1."""
        ...


@runtime_checkable
class Recommends(Protocol[D_contra]):
    """Ranks items for users or queries."""

    def recommend(self, data: D_contra, rows: IntArray, *, k: int = 20) -> tuple[IntArray, FloatArray]:
        """Return the best ``k`` items (R, k) for each of ``rows`` (R,), best first, and their scores.

        Items that the row already has in ``data`` are left out.
        """
        ...


@runtime_checkable
class Explains(Protocol[D_contra]):
    """Says which part of each input a decision rests on."""

    def explain(self, data: D_contra) -> FloatArray:
        """Return one score in [0, 1] for each number of the input, in the input's shape."""
        ...


@runtime_checkable
class Discovers(Protocol[D_contra]):
    """Finds relations between the things in the data."""

    def discover(self, data: D_contra) -> list[Mapping[str, Any]]:
        """Return what was found, best first: JSON-serialisable rows."""
        ...


CAPABILITIES: dict[str, type] = {
    "transform": Transforms,
    "predict": Predicts,
    "recommend": Recommends,
    "explain": Explains,
    "discover": Discovers,
}


def capabilities(method: type) -> list[str]:
    """Return the names of what ``method`` can do beside learning, in the order above."""
    return [name for name in CAPABILITIES if callable(getattr(method, name, None))]
