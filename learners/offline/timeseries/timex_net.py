"""The parts of TimeX in one module: the classifier, its explained copy, what draws masks, and the landmarks."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.learners.offline.common.contrastive import info_nce
from selfcue.learners.offline.timeseries.backbones import Attending, time_code
from selfcue.learners.offline.timeseries.classifier import WindowClassifier, moments
from selfcue.learners.offline.timeseries.consistency import (
    behaviour_consistency,
    jumpiness,
    label_consistency,
    mask_size,
)
from selfcue.learners.offline.timeseries.mask_generator import MaskGenerator, draw_mask

if TYPE_CHECKING:
    from selfcue.learners.offline.timeseries.timex_config import TimeXConfig


@dataclass(eq=False)
class Prepared:
    """Windows to learn from.

    Attributes:
        x: (N, T, D).
        y: (N,) classes, -1 where unknown.
        z, logits: the frozen classifier's vectors and logits of all windows; None until it is learned.
    """

    x: Tensor
    y: Tensor
    z: Tensor | None = None
    logits: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows (B,) of one step, and whether the classifier learns from them or the explanation."""

    rows: Tensor
    classify: bool


class ExplanationNet(nn.Module):
    """Everything that is trained or kept.

    Args:
        config: settings.
        reference: the classifier to explain.
        times: (T,) time of each sample.
        sensors: D.
        width: of the classifier's vectors.
        classes: K.
        landmarks: how many.
    """

    mean: Tensor
    scale: Tensor
    mu: Tensor
    sigma: Tensor
    code: Tensor
    ready: Tensor

    def __init__(
        self, config: TimeXConfig, reference: nn.Module, times: Tensor, *,
        sensors: int, width: int, classes: int, landmarks: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.config = config
        self.reference = reference
        self.explainer = copy.deepcopy(reference)
        self.encoder = Attending(sensors, config.code, config.layers, config.feed, config.dropout)
        self.generator = MaskGenerator(
            sensors, config.code, width if config.mask_encoder == "classifier" else self.encoder.width,
            layers=config.mask_layers, feed=config.mask_feed, dropout=0.1,
        )  # fmt: skip
        self.labels = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, classes))
        self.landmarks = nn.Parameter(torch.zeros(landmarks, width))
        shape = len(times), sensors
        attends = isinstance(reference, WindowClassifier) and isinstance(reference.body, Attending)
        self.looks_away = attends and sensors == 1 and config.single == "attention"
        self.register_buffer("code", time_code(times, config.code))
        self.register_buffer("mean", torch.zeros(sensors))
        self.register_buffer("scale", torch.ones(sensors))
        self.register_buffer("mu", torch.zeros(shape))
        self.register_buffer("sigma", torch.ones(shape))
        self.register_buffer("ready", torch.zeros((), dtype=torch.bool))  # whether explanations were learned at all

    @torch.no_grad()
    def begin(self, x: Tensor, landmarks: Tensor) -> None:
        """Start to explain: take scales from windows (N, T, D), place landmarks (M, Z), copy the classifier."""
        mean, scale = moments(x)
        self.mean.copy_(mean)
        self.scale.copy_(scale)
        self.sigma.copy_(x.std(0, correction=0))
        self.mu.copy_(x.mean(0))
        self.landmarks.copy_(landmarks)
        self.ready.fill_(True)  # noqa: FBT003 - torch's own signature
        if self.config.explainer == "random":
            for part in self.explainer.modules():
                if callable(getattr(part, "reset_parameters", None)):
                    part.reset_parameters()  # type: ignore[operator]
        else:
            self.explainer.load_state_dict(self.reference.state_dict())

    def mask_logits(self, x: Tensor) -> Tensor:
        """Return (B, T, D): the logit of the probability that a sample matters."""
        scaled = (x - self.mean) / self.scale
        if self.config.mask_encoder == "classifier":
            states: Tensor = self.reference.states(x)  # type: ignore[operator]
        else:
            states = self.encoder(scaled, self.code)
        out: Tensor = self.generator(scaled, self.code, states)
        return out

    def explained(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the explainer's vectors (B, Z) of ``x`` with all that ``mask`` (B, T, D) hides replaced.

        In place of a hidden sample stands a draw from the training windows' distribution at its step and sensor. A
        transformer over a single sensor looks away from hidden steps instead (``config.single``).
        """
        stand_in = self.mu + self.sigma * torch.randn_like(x)
        keep = mask.sum(2).clamp(max=1.0)
        shown = x if self.looks_away else x * mask + (1.0 - mask) * stand_in
        z: Tensor = self.explainer.embed(shown, keep)  # type: ignore[operator]
        return z

    def assigned(self, z: Tensor, *, draw: bool) -> Tensor:
        """Return (B, M) ones and zeros: the landmark of each row of ``z``, nearest by cosine; drawn in training.

        No gradient reaches ``z``.
        """
        near = F.normalize(z.detach(), dim=1) @ F.normalize(self.landmarks, dim=1).t()
        if draw:
            return F.gumbel_softmax(near / self.config.landmark_tau, hard=True)
        return F.one_hot(near.argmax(1), len(self.landmarks)).to(z.dtype)

    def forward(self, prepared: Prepared, batch: Batch) -> dict[str, Tensor]:
        x = prepared.x[batch.rows]
        if batch.classify:
            logits = self.reference.logits(self.reference.embed(x))  # type: ignore[operator]
            return {"loss": F.cross_entropy(logits, prepared.y[batch.rows])}
        return self.explanation_losses(prepared, batch.rows)

    def explanation_losses(self, prepared: Prepared, rows: Tensor) -> dict[str, Tensor]:
        """Return the loss terms of one draw of masks for the windows ``rows``."""
        config = self.config
        assert prepared.z is not None
        assert prepared.logits is not None
        x, z, logits = prepared.x[rows], prepared.z[rows], prepared.logits[rows]
        mask_logits = self.mask_logits(x)
        p = mask_logits.sigmoid()
        z_explained = self.explained(x, draw_mask(mask_logits, tau=config.tau, hard=config.straight_through))
        at_landmark = self.assigned(z_explained, draw=self.training) @ self.landmarks
        terms = {"size": mask_size(p, config.r), "jumps": jumpiness(p)}
        terms["labels"] = label_consistency(logits, self.labels(z_explained))
        likeness = terms["labels"] * config.label_weight
        if config.consistency != "none":
            alike = behaviour_consistency if config.consistency == "behaviour" else info_nce
            terms["consistency"] = alike(z, z_explained)
            terms["landmarks"] = alike(z, at_landmark)
            likeness = likeness + terms["consistency"] + terms["landmarks"]
        terms["likeness"] = likeness
        masks = config.size_weight * terms["size"] + config.jump_weight * terms["jumps"]
        terms["loss"] = likeness + config.mask_weight * masks
        return terms
