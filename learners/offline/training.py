"""The loop: epochs, budget, bar, checkpoints from which a run goes on bit for bit, and the best on validation."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from selfcue.errors import BadInputError, MissingDependencyError, SelfcueError
from selfcue.learners.offline.randomness import Randomness, child
from selfcue.learners.offline.tensors import load_module, load_optimiser, module_state, optimiser_state
from selfcue.learners.online.checkpoint import load_weights, save_weights
from selfcue.optional import require
from selfcue.state import State

if TYPE_CHECKING:
    from selfcue.learners.offline.budget import Budget
    from selfcue.learners.offline.torch_method import TorchMethod

SAVE_EVERY_S = 30.0


@dataclass(frozen=True)
class Part:
    """Which share of each batch this process computes: every ``world``-th row from ``rank`` on."""

    rank: int = 0
    world: int = 1

    def take(self, rows: np.ndarray) -> np.ndarray:
        return rows[self.rank :: self.world]


class Training:
    """One run of ``fit``.

    Attributes:
        prepared: what the method's ``prepare`` made of the data.
        optimiser: the optimiser of the net.
    """

    prepared: Any
    optimiser: torch.optim.Optimizer

    def __init__(
        self,
        method: TorchMethod[Any, Any],
        data: Any,
        *,
        seed: int,
        device: str,
        budget: Budget | None,
        resume: Path | None,
        progress: bool,
    ) -> None:
        check_device(device)
        self._method, self._data, self._device, self._budget = method, data, device, budget
        self._resume = Path(resume) if resume is not None else None
        self._progress = progress
        self._seed = seed
        self._random = Randomness(seed)
        self._fabric = _fabric(device) if method.mini_batch else None
        self._epoch = 0
        self._best: tuple[float, int, dict[str, np.ndarray]] | None = None
        self._seconds_before = 0.0

    def run(self) -> None:
        """Train until the settings or the budget say stop; leave net, history and seconds in the method."""
        with self._random.hold(self._device):
            self._begin()
            self._go_on()
            with Progress(
                TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
                TextColumn("{task.fields[loss]}"), TimeRemainingColumn(),
                transient=True, disable=not self._progress or self._part.rank > 0,
            ) as bar:  # fmt: skip
                self._loop(bar)
            self._keep_best()
        method = self._method
        method.net = self._bare.to("cpu").eval()

    def _begin(self) -> None:
        method = self._method
        self._bare = method.build(method.facts)
        if self._fabric is not None:
            self._fabric.launch()
            self._net, self.optimiser = self._fabric.setup(self._bare, method.optimiser(self._bare))
            self._part = Part(self._fabric.global_rank, self._fabric.world_size)
            self._device = str(self._fabric.device)  # of several, this process' own
        else:
            self._net = self._bare.to(self._device)
            self.optimiser = method.optimiser(self._net)
            self._part = Part()
        self._rates = [group["lr"] for group in self.optimiser.param_groups]
        self.prepared = method.prepare(self._data, self._device, child(self._seed, "prepare"))
        method.history = []

    def _loop(self, bar: Progress) -> None:
        method = self._method
        epochs = method.epochs if self._budget is None else min(method.epochs, self._budget.epochs or method.epochs)
        task = bar.add_task(method.about.name, total=epochs, completed=self._epoch, loss="")
        begin = saved = time.monotonic()
        while self._epoch < epochs and not method.enough():
            method.history.append(self._one_epoch())
            self._epoch += 1
            now = time.monotonic()
            method.seconds = self._seconds_before + now - begin
            bar.update(task, completed=self._epoch, loss=f"loss {method.history[-1]['loss']:.4g}")
            if self._spent(method.seconds):
                break
            if self._resume is not None and now - saved > SAVE_EVERY_S:
                self._save()
                saved = now
        if self._resume is not None:
            self._save()

    def _one_epoch(self) -> dict[str, float]:
        method, rng = self._method, self._random.numpy
        factor = method.rate(self._epoch / max(method.epochs, 1))
        for group, rate in zip(self.optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        self._net.train()
        method.before_epoch(self._bare, self.prepared, self._epoch, rng)
        sums: dict[str, float] = {}
        count = 0
        for batch in method.batches(self.prepared, rng, self._part):
            for name, value in method.update(self, self._net, batch).items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            count += 1
        if not count:
            raise BadInputError(f"{method.about.name}: the data are too few for a single batch")
        figures = {name: value / count for name, value in sums.items()}
        if not np.isfinite(figures["loss"]):
            raise SelfcueError(
                f"{method.about.name}: the loss is {figures['loss']} in epoch {self._epoch}; "
                "a smaller lr may help, or look for extreme values in the data"
            )
        self._bare.eval()
        score = method.validate(self._bare, self.prepared)
        if score is not None:
            figures["validation"] = score
            if self._best is None or score > self._best[0]:
                self._best = (score, self._epoch, module_state(self._bare).arrays)
        return figures

    def backward(self, loss: torch.Tensor) -> None:
        """Compute gradients; averaged over processes where there are several."""
        if self._fabric is not None:
            self._fabric.backward(loss)
        else:
            torch.autograd.backward(loss)

    def _spent(self, seconds: float) -> bool:
        limit = self._budget.seconds if self._budget is not None else None
        spent = limit is not None and seconds >= limit
        # All processes stop after the same epoch: the first one's clock counts.
        return bool(self._fabric.broadcast(spent)) if self._fabric is not None else spent

    def _keep_best(self) -> None:
        if self._best is not None:
            load_module(self._bare, State({}, self._best[2]))

    # -- going on ----------------------------------------------------------------------------------------------------

    def _identity(self) -> dict[str, Any]:
        method = self._method
        text = repr((method.about.name, dataclasses.asdict(method.config), method.facts, self._seed, self._part.world))
        hasher = hashlib.sha256(text.encode())
        for field in dataclasses.fields(self._data):
            value = getattr(self._data, field.name)
            if isinstance(value, np.ndarray):
                hasher.update(np.ascontiguousarray(value).tobytes())
        return {"run": hasher.hexdigest()}

    def _save(self) -> None:
        if self._resume is None or self._part.rank > 0:
            return
        meta = {
            **self._identity(), "epoch": self._epoch, "history": self._method.history, "seconds": self._method.seconds,
            "best": None if self._best is None else list(self._best[:2]),
        }  # fmt: skip
        state = State(meta).nested(
            net=module_state(self._bare),
            optimiser=optimiser_state(self.optimiser),
            random=self._random.state(),
            best=State({}, {} if self._best is None else self._best[2]),
        )
        save_weights(self._resume, state)

    def _go_on(self) -> None:
        if self._resume is None or not self._resume.exists():
            return
        state = load_weights(self._resume)
        if state.meta.get("run") != self._identity()["run"]:
            raise BadInputError(
                f"{self._resume}: of a run with other settings, seed or data; name another file, or remove this one"
            )
        load_module(self._bare, state.part("net"))
        load_optimiser(self.optimiser, state.part("optimiser"))
        self._random.load_state(state.part("random"))
        self._epoch = int(state.meta["epoch"])
        self._method.history = list(state.meta["history"])
        self._method.seconds = self._seconds_before = float(state.meta["seconds"])
        if state.meta["best"] is not None:
            score, epoch = state.meta["best"]
            self._best = (float(score), int(epoch), state.part("best").arrays)


def check_device(device: str) -> None:
    """Raise BadInputError where ``device`` is none that torch knows, MissingDependencyError where it is not here."""
    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise BadInputError(f"device {device!r}; use cpu, cuda, cuda:1 or mps") from None
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not here.get(kind, False):
        raise MissingDependencyError(f"device {device!r} is not here, or this build of torch cannot use it; use cpu")


def _fabric(device: str) -> Any:
    """Return Lightning Fabric for ``device``: one process, or those that torchrun or SLURM started."""
    fabric = require("lightning_fabric", extra="offline")
    world = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", str(world)))
    kind, _, index = device.partition(":")
    if world > 1:
        return fabric.Fabric(accelerator=kind, devices=local, num_nodes=world // local, strategy="ddp")
    return fabric.Fabric(accelerator=kind, devices=[int(index)] if index else 1)
