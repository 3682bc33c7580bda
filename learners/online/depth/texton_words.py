"""Texton words: a picture as a histogram of the small patches that it is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.state import State

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WordsConfig:
    """Settings of the dictionary.

    Attributes:
        words: words per channel; the channels are intensity and gradient.
        patch_px: side of a patch.
        patches: patches per picture in a histogram, on an even grid (a grid and not a draw: looking changes nothing).
        learned_per_picture: random patches per picture that the dictionary learns from.
        rate: share of the way that the nearest word moves towards a patch.
        learned_patches: after so many patches the dictionary is finished.
    """

    words: int = 10
    patch_px: int = 5
    patches: int = 500
    learned_per_picture: int = 100
    rate: float = 10.0 / 255.0
    learned_patches: int = 100_000

    def __post_init__(self) -> None:
        if min(self.words, self.patch_px, self.patches, self.learned_per_picture) < 1 or not 0 < self.rate <= 1:
            raise BadInputError(f"texton words: sizes must be 1 or more and 0 < rate <= 1, got {self}")


class TextonWords:
    """An online dictionary of intensity and gradient patches.

    Source: the on-board form of Varma and Zisserman's textons used in van Hecke et al. 2016: start from random patches
    of the first picture, then let each new patch pull its nearest word (competitive learning).
    """

    def __init__(self, config: WordsConfig, generator: np.random.Generator) -> None:
        self.config = config
        self._generator = generator
        self._learned = 0
        self.words: Floats = np.zeros((2, 0, config.patch_px**2), dtype=np.float32)

    @property
    def size(self) -> int:
        """Numbers in a feature vector: both histograms and the entropy."""
        return 2 * self.config.words + 1

    def learn(self, picture: npt.NDArray[np.uint8]) -> None:
        """Let random patches of ``picture`` pull the words."""
        if self._learned >= self.config.learned_patches:
            return
        channels = _channels(picture)
        height, width = channels.shape[1:]
        side, first = self.config.patch_px, not self.words.shape[1]
        count = self.config.words if first else self.config.learned_per_picture
        rows = self._generator.integers(height - side + 1, size=count)
        columns = self._generator.integers(width - side + 1, size=count)
        patches = _patches(channels, rows, columns, side)  # 2 x count x side^2
        if first:
            self.words = patches
            return
        for channel in range(2):
            for patch in patches[channel]:
                nearest = int(np.square(self.words[channel] - patch).sum(axis=1).argmin())
                self.words[channel, nearest] += self.config.rate * (patch - self.words[channel, nearest])
        self._learned += count

    def state(self) -> State:
        return State({"learned": self._learned}, {"words": self.words.copy()})

    def load_state(self, state: State) -> None:
        self._learned, self.words = int(state.meta["learned"]), state.arrays["words"].copy()


def features(picture: npt.NDArray[np.uint8], words: Floats, config: WordsConfig) -> Floats:
    """Return the feature vector (2 * words + 1,) of ``picture``: two histograms and the entropy of both together.

    The entropy, divided by its largest value, falls when one thing fills the view.
    """
    channels = _channels(picture)
    side = config.patch_px
    height, width = (length - side + 1 for length in channels.shape[1:])
    down = max(1, round((config.patches * height / width) ** 0.5))
    across = max(1, config.patches // down)
    rows, columns = np.meshgrid(
        np.linspace(0, height - 1, down).astype(np.intp), np.linspace(0, width - 1, across).astype(np.intp)
    )
    patches = _patches(channels, rows.reshape(-1), columns.reshape(-1), side)
    histograms = []
    for channel in range(2):
        # |p - t|^2 without |p|^2, which is the same for all words
        distance = np.square(words[channel]).sum(axis=1) - 2.0 * patches[channel] @ words[channel].T
        counts = np.bincount(distance.argmin(axis=1), minlength=config.words)
        histograms.append(counts / counts.sum())
    shares = np.concatenate(histograms) / 2.0
    known = shares[shares > 0]
    entropy = -float((known * np.log(known)).sum()) / float(np.log(2 * config.words))
    return np.array([*(2.0 * shares), entropy], dtype=np.float32)


def _channels(picture: npt.NDArray[np.uint8]) -> Floats:
    """Return intensity and gradient magnitude (2, H, W), the picture's mean and deviation taken out."""
    gray = picture.astype(np.float32)
    gray = gray.mean(axis=2) if gray.ndim == 3 else gray
    gray = (gray - gray.mean()) / max(float(gray.std()), 1.0)
    down, across = np.gradient(gray)
    return np.stack((gray, np.hypot(down, across)))


def _patches(channels: Floats, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], side: int) -> Floats:
    """Return the patches with these upper left corners, (2, n, side * side)."""
    windows = np.lib.stride_tricks.sliding_window_view(channels, (side, side), axis=(1, 2))
    return np.ascontiguousarray(windows[:, rows, columns]).reshape(2, len(rows), side * side)
