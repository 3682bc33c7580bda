"""All tiles of a world with their mip-maps in one flat buffer, and filtered look-up in it.

Mip levels are half an octave apart, so the nearest one is never more than a fifth too sharp or too blurred: four texels
a look-up give what trilinear filtering needs eight for, without shimmering.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.sim.textures import default, unseen
from selfcue.sim.textures.canvas import TEXEL_M, TILE_M, TILE_PX
from selfcue.sim.worlds.world import Material

_DRAW = {"default": default.draw, "unseen": unseen.draw}
_LEVEL_PX = (512, 360, 256, 180, 128, 90, 64, 46, 32, 22, 16, 12, 8, 6, 4, 2, 2)
"""Texels across a tile at each level, half an octave apart; even, and quick to transform where they are many."""
_BLUR_TEXELS = 0.4
"""Deviation of the Gaussian that stands for a texel's (and a pixel's) own extent."""


def draw_tile(material: Material) -> npt.NDArray[np.float32]:
    """Return the picture of ``material``: (TILE_PX, TILE_PX, 3) in [0, 1], ``TILE_M`` metres wide and periodic.

    Raises:
        BadInputError: the family or pattern is not known.
    """
    rng = np.random.Generator(np.random.PCG64(material.seed))
    try:
        draw = _DRAW[material.family]
        return draw(material.pattern, rng)
    except KeyError:
        raise BadInputError(f"no texture {material.pattern!r} in family {material.family!r}") from None


class Atlas:
    """Tiles of several materials, each at all levels. A texel is four uint8 (red, green, blue, unused): one word."""

    def __init__(self, materials: Sequence[Material]) -> None:
        self.materials = tuple(dict.fromkeys(materials))
        parts = [level for material in self.materials for level in _levels(draw_tile(material))]
        self._texels = np.concatenate(parts).view(np.uint32).reshape(-1)
        self._tile_words = len(self._texels) // max(len(self.materials), 1)
        pitches = np.asarray(_LEVEL_PX, np.int32) + 2
        self._pitch = pitches
        self._start = np.concatenate([[0], np.cumsum(pitches * pitches)[:-1]]).astype(np.int32)
        self._size = np.asarray(_LEVEL_PX, np.float32)

    @property
    def texels(self) -> npt.NDArray[np.uint32]:
        """All texels of all tiles at all levels, one word each: red, green, blue, unused."""
        return self._texels

    @property
    def tile_words(self) -> int:
        """Texels of one tile at all levels."""
        return self._tile_words

    @property
    def level_px(self) -> tuple[int, ...]:
        """Texels across a tile at each level; a border one texel wide around it repeats the tile."""
        return _LEVEL_PX

    @property
    def level_start(self) -> npt.NDArray[np.int32]:
        """Where each level begins among a tile's texels."""
        return self._start

    def look_up(
        self,
        tile: npt.NDArray[np.int32],
        u_m: npt.NDArray[np.float32],
        v_m: npt.NDArray[np.float32],
        footprint_m: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.float32]:
        """Return the colours (3, N) float32 in [0, 255] of tiles (N,) at metric places, averaged over a footprint.

        Args:
            tile: numbers in ``materials``.
            u_m, v_m: places on the tile [m]; any value, tiles repeat.
            footprint_m: width [m] of the patch to average; finite and above 0.
        """
        level_f = np.log2(footprint_m * np.float32(1.0 / TEXEL_M))
        level_f *= np.float32(2.0)
        np.clip(np.rint(level_f, out=level_f), 0.0, len(_LEVEL_PX) - 1.0, out=level_f)
        level = level_f.astype(np.int32)
        pitch, size = self._pitch.take(level), self._size.take(level)
        column, right = _texel(u_m, size)
        row, low = _texel(v_m, size)
        row *= pitch
        row += column
        row += self._start.take(level)
        row += tile * np.int32(self._tile_words)
        both = right * low
        colour = self._weighted(row, np.float32(1.0) - right - low + both)
        colour += self._weighted(row + 1, right - both)
        row += pitch
        colour += self._weighted(row, low - both)
        colour += self._weighted(row + 1, both)
        return colour

    def _weighted(self, index: npt.NDArray[np.int32], weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        texels = self._texels.take(index).view(np.uint8).reshape(-1, 4)
        colour = np.empty((3, len(index)), np.float32)
        for channel in range(3):
            np.multiply(texels[:, channel], weight, out=colour[channel])
        return colour


def _texel(
    place_m: npt.NDArray[np.float32], size: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Return the texel (with the border's 1 added) whose centre is at or before a place, and the rest in [0, 1)."""
    place = place_m * np.float32(1.0 / TILE_M)
    place -= np.floor(place)
    place *= size
    place += np.float32(0.5)  # -0.5 to the texel's centre, + 1 for the border
    whole = np.floor(place)
    place -= whole
    return whole.astype(np.int32), place


def _levels(plane: npt.NDArray[np.float32]) -> list[npt.NDArray[np.uint8]]:
    """Return the tile at all levels as rows of texels, each level with a border one texel wide that repeats it."""
    spectrum = np.fft.rfft2(plane.transpose(2, 0, 1))  # channels first: whole rows at a time
    rows = np.fft.fftfreq(TILE_PX)[:, None]  # cycles per texel
    columns = np.fft.rfftfreq(TILE_PX)[None, :]
    levels = []
    for size in _LEVEL_PX:
        half = size // 2
        texel = TILE_PX / size
        keep = np.r_[0:half, TILE_PX - half : TILE_PX]
        square = rows[keep] ** 2 + columns[:, : half + 1] ** 2
        blur = np.exp(-2.0 * (np.pi * _BLUR_TEXELS * texel) ** 2 * square) if size < TILE_PX else 1.0
        # The first texel's centre moves from half a fine texel to half a coarse one.
        shift = np.exp(1j * np.pi * (texel - 1.0) * (rows[keep] + columns[:, : half + 1]))
        weight = (blur * shift / texel**2).astype(np.complex64)
        small = np.fft.irfft2(spectrum[:, keep, : half + 1] * weight, s=(size, size))
        levels.append(_as_texels(np.pad(small, ((0, 0), (1, 1), (1, 1)), mode="wrap")))
    return levels


def _as_texels(plane: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Return the rows of a picture (3, h, w) in [0, 1] as texels (h * w, 4)."""
    texels = np.zeros((plane.shape[1] * plane.shape[2], 4), np.uint8)
    texels[:, :3] = np.clip(np.rint(plane.reshape(3, -1) * 255.0), 0, 255).T
    return texels
