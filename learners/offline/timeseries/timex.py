"""TimeX: which samples of a window a classifier's decision rests on (Queen et al., NeurIPS 2023)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from selfcue.errors import BadInputError, UsageError
from selfcue.learners.offline.about import About
from selfcue.learners.offline.common.schedules import half_cosine
from selfcue.learners.offline.data.windows import Windows
from selfcue.learners.offline.timeseries import timex_data
from selfcue.learners.offline.timeseries.classifier import WindowClassifier
from selfcue.learners.offline.timeseries.mask_generator import draw_mask
from selfcue.learners.offline.timeseries.saliency_scores import saliency_scores
from selfcue.learners.offline.timeseries.timex_config import TimeXConfig
from selfcue.learners.offline.timeseries.timex_net import Batch, ExplanationNet, Prepared
from selfcue.learners.offline.torch_method import TorchMethod
from selfcue.learners.offline.training import Part

FloatArray = npt.NDArray[np.float32]


class TimeX(TorchMethod[Windows, TimeXConfig]):
    """Explanations of a classifier of windows.

    Args:
        config: settings.
        reference: the classifier to explain: an ``nn.Module`` that is a ``classifier.Reference``; it is copied and not
            changed. None: one is learned from the labels first.
        overrides: settings that differ from ``config``.
    """

    about: ClassVar[About] = About(
        name="timex",
        family="timeseries",
        title="TimeX: Encoding Time-Series Explanations through Self-Supervised Model Behavior Consistency",
        task="which samples decide",
        source="Queen, Hartvigsen, Koker, He, Tsiligkaridis, Zitnik: NeurIPS 2023, arXiv 2306.02109",
    )
    Config = TimeXConfig
    Data = Windows

    def __init__(
        self, config: TimeXConfig | None = None, *, reference: nn.Module | None = None, **overrides: Any
    ) -> None:
        super().__init__(config, **overrides)
        self._given = reference
        if reference is not None and self.config.mask_encoder == "classifier" and not hasattr(reference, "states"):
            raise UsageError("mask_encoder='classifier' needs a model with states(x); leave it at 'own'")

    @property
    def epochs(self) -> int:
        return self._begin_at + self.config.epochs

    @property
    def _begin_at(self) -> int:
        return 0 if self._given is not None else self.config.classifier_epochs

    def sizes(self, data: Windows) -> dict[str, Any]:
        return timex_data.sizes(data, self.config, self._given)

    def build(self, sizes: Mapping[str, Any]) -> ExplanationNet:
        times = torch.tensor(sizes["times"])
        c = self.config
        if sizes["reference"] == "own":
            own = WindowClassifier(
                c.classifier, sizes["sensors"], sizes["classes"], times,
                code=c.code, layers=c.layers, feed=c.feed, width=c.width, dropout=c.dropout,
            )  # fmt: skip
            reference: nn.Module = own
            width = own.body.width
        elif self._given is None:
            raise BadInputError(
                "this model explains a classifier of yours: TimeX.load(path, reference=that_classifier)"
            )
        else:
            reference, width = copy.deepcopy(self._given).cpu(), sizes["width"]
        return ExplanationNet(
            c, reference, times, sensors=sizes["sensors"], width=width, classes=sizes["classes"],
            landmarks=sizes["landmarks"],
        )  # fmt: skip

    def optimiser(self, net: nn.Module) -> torch.optim.Optimizer:
        assert isinstance(net, ExplanationNet)
        own = {id(p) for p in net.reference.parameters()}
        others = [p for p in net.parameters() if id(p) not in own]
        c = self.config
        groups = [{"params": list(net.reference.parameters()), "lr": c.classifier_lr}, {"params": others, "lr": c.lr}]
        return torch.optim.AdamW(groups, weight_decay=c.weight_decay)

    def rate(self, progress: float) -> float:
        """Return half a cosine over each of the two phases."""
        epoch = progress * max(self.epochs, 1)
        if epoch < self._begin_at:
            return half_cosine(epoch / self._begin_at)
        return half_cosine((epoch - self._begin_at) / max(self.config.epochs, 1))

    def prepare(self, data: Windows, device: str, rng: np.random.Generator) -> Prepared:
        y = data.y if data.y is not None else np.full(len(data.x), -1)
        self._train, self._val = timex_data.split(y, self.config.validation, rng)
        return Prepared(torch.from_numpy(data.x).to(device), torch.from_numpy(y).to(device))

    def before_epoch(self, net: nn.Module, prepared: Prepared, epoch: int, rng: np.random.Generator) -> None:
        """Learn to classify first; then freeze that, copy it, place the landmarks, and learn to explain."""
        assert isinstance(net, ExplanationNet)
        self._classify = epoch < self._begin_at
        if self._classify:
            if epoch == 0:
                net.reference.fit_scale(prepared.x[self._train])  # type: ignore[operator]
            return
        net.reference.eval().requires_grad_(requires_grad=False)
        if prepared.z is None:
            prepared.z, prepared.logits = _known(net.reference, prepared.x)
        if epoch == self._begin_at:
            assert prepared.logits is not None
            classes = prepared.logits.argmax(1).cpu().numpy()[self._train]
            chosen = self._train[timex_data.stratified(classes, self.facts["landmarks"], rng)]
            net.begin(prepared.x[self._train], prepared.z[chosen])
        if self.config.explainer == "frozen":
            net.explainer.eval().requires_grad_(requires_grad=False)

    def batches(self, prepared: Prepared, rng: np.random.Generator, part: Part) -> Iterator[Batch]:  # noqa: ARG002
        rows = self._train
        if self._classify:
            rows = rows[prepared.y.cpu().numpy()[rows] >= 0]
        order = rng.permutation(rows)
        for start in range(0, len(order), self.config.batch):
            chosen = order[start : start + self.config.batch]
            if len(chosen) > 1:
                yield Batch(torch.from_numpy(chosen).to(prepared.x.device), self._classify)

    @torch.no_grad()
    def validate(self, net: nn.Module, prepared: Prepared) -> float | None:
        """Return minus the consistency losses of the validation windows, the same draw of masks each time."""
        assert isinstance(net, ExplanationNet)
        if self._classify or not len(self._val):
            return None
        with timex_data.drawing(0):
            parts = [
                float(net.explanation_losses(prepared, torch.from_numpy(rows).to(prepared.x.device))["likeness"])
                for rows in np.array_split(self._val, max(1, len(self._val) // 64))
            ]
        return -float(np.mean(parts))

    # -- what it gives -----------------------------------------------------------------------------------------------

    def explain(self, data: Windows, *, discrete: bool = False) -> FloatArray:
        """Return how likely each sample is to matter (N, T, D), in [0, 1]; ``discrete``: 1 where above a half."""
        p = self._over(data, lambda net, x: net.mask_logits(x).sigmoid())
        return (p > 0.5).astype(np.float32) if discrete else p

    def embed_explanation(self, data: Windows) -> FloatArray:
        """Return the vector (N, Z) of what the masks leave of each window, one draw of masks."""
        return self._over(data, lambda net, x: net.explained(x, draw_mask(net.mask_logits(x))))

    def landmarks(self, data: Windows) -> npt.NDArray[np.int64]:
        """Return the landmark (N,) that each window's explanation is nearest to: windows decided alike share one."""
        nearest = self._over(
            data, lambda net, x: net.assigned(net.explained(x, draw_mask(net.mask_logits(x))), draw=False)
        )
        found: npt.NDArray[np.int64] = nearest.argmax(1)
        return found

    def classify(self, data: Windows) -> FloatArray:
        """Return the probabilities (N, K) that the explained classifier gives."""
        return self._over(data, lambda net, x: net.reference.logits(net.reference.embed(x)).softmax(1))  # type: ignore[operator]

    def score(self, data: Windows, truth: npt.NDArray[np.bool_]) -> dict[str, float]:
        """Return ``auprc``, ``aup`` and ``aur`` of the explanations against the samples (N, T, D) that truly matter."""
        return saliency_scores(self.explain(data), truth)

    @torch.no_grad()
    def _over(self, data: Windows, give: Callable[[ExplanationNet, Tensor], Tensor]) -> FloatArray:
        net = self.fitted()
        assert isinstance(net, ExplanationNet)
        if not bool(net.ready):
            raise UsageError("timex: only the classifier was learned yet; fit longer, explanations come after it")
        timex_data.check(data, self.facts)
        with timex_data.drawing(0):
            parts = [give(net, x) for x in torch.split(torch.from_numpy(data.x), 256)]
        out: FloatArray = torch.cat(parts).numpy()
        return out


@torch.no_grad()
def _known(reference: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    z = torch.cat([reference.embed(part) for part in torch.split(x, 256)])  # type: ignore[operator]
    return z, reference.logits(z)  # type: ignore[operator]
