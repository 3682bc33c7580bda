"""What methods share that train one torch module: settings, the loop, saving. A method adds what its paper says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import torch
from torch import nn

from selfcue.config.decode import decode
from selfcue.errors import BadInputError, UsageError
from selfcue.learners.offline.about import About
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.tensors import load_module, module_state
from selfcue.learners.offline.training import Part, Training
from selfcue.learners.online.checkpoint import load_weights, save_weights
from selfcue.state import State

if TYPE_CHECKING:
    import numpy as np
    from typing_extensions import Self

D = TypeVar("D")
C = TypeVar("C")
FORMAT = 1


class TorchMethod(Generic[D, C]):
    """A method that trains one ``nn.Module``.

    What a method must give: ``about``, ``Config`` (with ``epochs``, ``lr`` and ``weight_decay``), ``Data``, ``sizes``,
    ``build``, ``prepare``, ``batches``, and a module whose ``forward(prepared, batch)`` returns loss terms by name, the
    one to descend under ``loss``. The rest may be left as it is.
    """

    about: ClassVar[About]
    Config: ClassVar[type]
    Data: ClassVar[type]
    mini_batch: ClassVar[bool] = False
    """Whether ``batches`` yields parts of the data: then Lightning Fabric spreads them over devices and machines."""

    config: C
    net: nn.Module

    def __init__(self, config: C | None = None, **overrides: Any) -> None:
        try:
            self.config = dataclasses.replace(config if config is not None else self.Config(), **overrides)  # type: ignore[type-var]
        except TypeError as error:
            known = ", ".join(field.name for field in dataclasses.fields(self.Config))
            raise UsageError(
                f"{self.about.name}: {str(error).partition('__init__() ')[2]}; settings: {known}"
            ) from None
        self.history: list[dict[str, float]] = []
        self.facts: dict[str, Any] = {}
        self.seconds = 0.0

    # -- what a method gives -----------------------------------------------------------------------------------------

    def sizes(self, data: D) -> dict[str, Any]:
        """Return what ``build`` needs to know of the data (JSON). Raises BadInputError where it is of no use."""
        raise NotImplementedError

    def build(self, sizes: Mapping[str, Any]) -> nn.Module:
        """Return the module, its weights drawn from torch's generator."""
        raise NotImplementedError

    def prepare(self, data: D, device: str, rng: np.random.Generator) -> Any:
        """Return the data in the form that the module takes; done once per ``fit``, and again after a resume."""
        raise NotImplementedError

    def batches(self, prepared: Any, rng: np.random.Generator, part: Part) -> Iterable[Any]:  # noqa: ARG002
        """Yield the batches of one epoch; a full-batch method yields one."""
        return (rng,)

    def optimiser(self, net: nn.Module) -> torch.optim.Optimizer:
        """Return the optimiser: Adam with ``config.lr`` and ``config.weight_decay``."""
        config: Any = self.config
        return torch.optim.Adam(net.parameters(), lr=config.lr, weight_decay=config.weight_decay)

    def rate(self, progress: float) -> float:  # noqa: ARG002 - for those who override it
        """Return the factor of the learning rate at ``progress`` in [0, 1] through ``config.epochs``."""
        return 1.0

    def before_epoch(self, net: nn.Module, prepared: Any, epoch: int, rng: np.random.Generator) -> None:
        """Change what must be changed before ``epoch`` (from 0)."""

    def update(self, loop: Training, net: nn.Module, batch: Any) -> Mapping[str, torch.Tensor]:
        """Take one step down the loss of ``batch``; return the terms."""
        terms: Mapping[str, torch.Tensor] = net(loop.prepared, batch)
        loop.optimiser.zero_grad(set_to_none=True)
        loop.backward(terms["loss"])
        loop.optimiser.step()
        return terms

    def validate(self, net: nn.Module, prepared: Any) -> float | None:  # noqa: ARG002
        """Return how good the module is on validation data (higher is better); None: the last epoch is kept."""
        return None

    def enough(self) -> bool:
        """Return whether to stop before the settings' last epoch; asked before each, told by ``history`` alone."""
        return False

    @property
    def epochs(self) -> int:
        """Epochs that the settings ask for."""
        return int(self.config.epochs)  # type: ignore[attr-defined]

    # -- the contract ------------------------------------------------------------------------------------------------

    def fit(
        self,
        data: D,
        *,
        seed: int = 0,
        device: str = "cpu",
        budget: Budget | None = None,
        resume: Path | None = None,
        progress: bool = True,
    ) -> Self:
        """Learn from ``data``; see ``selfcue.learners.offline.method.Method.fit``."""
        if not isinstance(data, self.Data):
            raise BadInputError(f"{self.about.name} learns from {self.Data.__name__}, got {type(data).__name__}")
        self.facts = self.sizes(data)
        Training(self, data, seed=seed, device=device, budget=budget, resume=resume, progress=progress).run()
        return self

    def save(self, path: Path) -> None:
        """Write the weights to ``path`` (safetensors) and settings beside it (JSON)."""
        state = module_state(self.fitted())
        meta = {
            "method": self.about.name,
            "format": FORMAT,
            "config": dataclasses.asdict(self.config),  # type: ignore[call-overload]
            "facts": self.facts,
        }
        save_weights(Path(path), State(meta, state.arrays), epochs=len(self.history), seconds=round(self.seconds, 1))

    @classmethod
    def load(cls, path: Path, **parts: Any) -> Self:
        """Read what ``save`` wrote.

        Args:
            path: as given to ``save``.
            parts: what the constructor takes beside settings.

        Raises:
            BadInputError: the file is missing, damaged, or of another method.
        """
        state = load_weights(Path(path))
        if state.meta.get("method") != cls.about.name:
            raise BadInputError(f"{path}: holds a model of {state.meta.get('method')!r}, not of {cls.about.name!r}")
        try:
            method = cls(decode(state.meta["config"], cls.Config, "config"), **parts)
        except ValueError as error:
            raise BadInputError(f"{path}: written with other settings than this version has ({error})") from None
        method.facts = state.meta["facts"]
        method.net = method.build(method.facts)
        load_module(method.net, state)
        method.net.eval()
        return method

    def fitted(self) -> nn.Module:
        """Return the module. Raises UsageError before ``fit`` or ``load``."""
        if not hasattr(self, "net"):
            raise UsageError(f"{self.about.name}: nothing was learned yet; call fit or load first")
        return self.net

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config})"
