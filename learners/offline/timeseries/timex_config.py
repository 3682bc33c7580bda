"""The settings of TimeX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selfcue.errors import BadInputError
from selfcue.learners.offline.timeseries.backbones import Kind


@dataclass(frozen=True)
class TimeXConfig:
    """Settings of TimeX; the defaults are a size for two cores.

    Attributes:
        classifier: our own classifier, where none is given: transformer (the paper's), cnn or lstm.
        classifier_epochs: epochs in which it learns from the labels, before it is frozen and explained.
        classifier_lr: AdamW's for it.
        width: of a state of cnn and lstm.
        layers, feed, dropout: of the transformer that classifies, and of the one that masks.
        code: width of the time code.
        explainer: the net that reads masked windows: a ``copy`` of the classifier that learns on, the classifier as it
            is (``frozen``), or one with ``random`` weights that learns.
        mask_encoder: whose states the mask generator looks at: a transformer of its ``own``, or the ``classifier``.
        mask_layers, mask_feed: of the mask generator.
        single: how a single sensor's samples are hidden from our transformer: by ``attention`` alone (the paper), or by
            ``replacing`` them too, as is always done for several sensors and for any other classifier.
        straight_through: masks of zeros and ones in training (straight-through gradients); else soft ones.
        tau: temperature of the draw of masks.
        r: the share that a mask keeps of samples that do not matter (the prior).
        consistency: ``behaviour`` (the paper's loss), ``contrast`` (each window against the others) or ``none``.
        label_weight: weight of the consistency of labels, the paper's lambda.
        mask_weight: weight of the two below.
        size_weight, jump_weight: how much masks must keep to ``r``, and how smooth they must be.
        n_landmarks: how many vectors stand for groups of explanations.
        landmark_tau: temperature at which a window draws its landmark in training.
        validation: share of the windows that chooses the epoch, by consistency; 0: the last epoch.
        batch: windows a step (the losses compare each two of them).
        lr, weight_decay: AdamW's for the explanation.
        epochs: epochs of explanation.
    """

    classifier: Kind = "transformer"
    classifier_epochs: int = 60
    classifier_lr: float = 3e-3
    width: int = 64
    layers: int = 1
    feed: int = 32
    dropout: float = 0.1
    code: int = 16
    explainer: Literal["copy", "frozen", "random"] = "copy"
    mask_encoder: Literal["own", "classifier"] = "own"
    mask_layers: int = 2
    mask_feed: int = 32
    single: Literal["attention", "replacing"] = "attention"
    straight_through: bool = True
    tau: float = 1.0
    r: float = 0.5
    consistency: Literal["behaviour", "contrast", "none"] = "behaviour"
    label_weight: float = 1.0
    mask_weight: float = 2.0
    size_weight: float = 1.0
    jump_weight: float = 2.0
    n_landmarks: int = 50
    landmark_tau: float = 0.1
    validation: float = 0.15
    batch: int = 64
    lr: float = 1e-3
    weight_decay: float = 1e-3
    epochs: int = 30

    def __post_init__(self) -> None:
        sizes = (self.width, self.layers, self.feed, self.mask_layers, self.mask_feed, self.n_landmarks)
        if min(sizes) < 1 or self.width % 2 or self.code < 2 or self.code % 2:
            raise BadInputError(f"sizes must be 1 at least, width and code even; got {self}")
        if not 0.0 < self.r < 1.0 or not 0.0 <= self.validation <= 0.5 or not 0.0 <= self.dropout < 1.0:
            raise BadInputError(f"r must lie between 0 and 1, validation in [0, 0.5], dropout in [0, 1); got {self}")
        if min(self.tau, self.landmark_tau) <= 0 or self.batch < 2 or min(self.epochs, self.classifier_epochs) < 0:
            raise BadInputError(f"temperatures must be above 0, batches 2 at least, epochs not below 0; got {self}")

    @classmethod
    def paper(cls, data: str = "seqcomb") -> TimeXConfig:
        """Return the authors' settings for ``freqshapes``, else those for their larger sets (their scripts)."""
        if data == "freqshapes":
            return cls(layers=1, feed=16, dropout=0.1, epochs=50, classifier_epochs=300, classifier_lr=1e-3)
        return cls(layers=2, feed=64, dropout=0.25, epochs=50, classifier_epochs=300, classifier_lr=1e-3)
