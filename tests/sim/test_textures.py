"""Textures have a real scale, contrast at every distance, equal brightness, and repeat without a seam."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from selfcue.errors import BadInputError
from selfcue.sim.textures.atlas import Atlas, draw_tile
from selfcue.sim.textures.canvas import TEXEL_M, TILE_M, TILE_PX
from selfcue.sim.textures.families import FAMILIES
from selfcue.sim.worlds.world import Material

PATTERNS = sorted({(f, p) for f, surfaces in FAMILIES.items() for patterns in surfaces.values() for p in patterns})


def halved(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(0.25 * (plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]))


@pytest.fixture(scope="module")
def tiles() -> dict[tuple[str, str], npt.NDArray[np.float32]]:
    return {(family, pattern): draw_tile(Material(family, pattern, 5)) for family, pattern in PATTERNS}


@pytest.mark.parametrize("key", PATTERNS)
def test_contrast_at_every_viewing_distance(
    tiles: dict[tuple[str, str], npt.NDArray[np.float32]], key: tuple[str, str]
) -> None:
    gray = tiles[key].mean(axis=-1)
    assert gray.mean() == pytest.approx(0.46, abs=0.05)
    # A pixel covers 1, 2, 4, 8 texels at 0.6, 1.2, 2.3, 4.6 m.
    for least in (0.12, 0.11, 0.09, 0.06):
        assert gray.std() > least
        gray = halved(gray)


@pytest.mark.parametrize("key", PATTERNS)
def test_no_seam_where_tiles_repeat(
    tiles: dict[tuple[str, str], npt.NDArray[np.float32]], key: tuple[str, str]
) -> None:
    gray = tiles[key].mean(axis=-1)
    for axis in (0, 1):
        steps = np.abs(np.diff(np.concatenate([gray, np.take(gray, [0], axis=axis)], axis=axis), axis=axis))
        lines = steps.mean(axis=1 - axis)  # mean step between neighbouring rows (columns)
        assert lines[-1] <= lines[:-1].max() * 1.05


def test_same_material_same_pixels() -> None:
    first, again, other = (draw_tile(Material("default", "brick", seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_hues_of_the_families_are_disjoint(tiles: dict[tuple[str, str], npt.NDArray[np.float32]]) -> None:
    for seed in range(6):
        for family, pattern in (("default", "plaster"), ("unseen", "marble")):
            red, green, blue = draw_tile(Material(family, pattern, seed)).mean(axis=(0, 1))
            warm_or_blue = (red > green > blue) or (blue > green > red)
            assert warm_or_blue == (family == "default"), (family, seed)


def test_unknown_pattern_gives_one_line() -> None:
    with pytest.raises(BadInputError, match="no texture 'lava' in family 'default'"):
        draw_tile(Material("default", "lava", 0))


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return Atlas([Material("default", "speckle", 1), Material("unseen", "cobbles", 2)])


def test_look_up_at_texel_centres_is_the_tile(atlas: Atlas) -> None:
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, TILE_PX, (2, 500))
    tile = rng.integers(0, 2, 500).astype(np.int32)
    turns = rng.integers(-2, 3, 500)  # tiles repeat
    u = ((columns + 0.5) * TEXEL_M + turns * TILE_M).astype(np.float32)
    v = ((rows + 0.5) * TEXEL_M - turns * TILE_M).astype(np.float32)
    found = atlas.look_up(tile, u, v, np.full(500, TEXEL_M, np.float32))
    pictures = np.stack([draw_tile(material) for material in atlas.materials])
    wanted = pictures[tile, rows, columns].T * 255.0
    assert np.abs(found - wanted).max() < 1.0


def test_coarse_look_up_is_the_mean_over_the_footprint(atlas: Atlas) -> None:
    mean = draw_tile(atlas.materials[0]) * 255.0
    for texels in (2, 4, 8, 16, 32):
        mean = halved(mean)
        count = TILE_PX // texels
        rows, columns = (index.reshape(-1) for index in np.mgrid[0:count, 0:count])
        pitch_m = texels * TEXEL_M
        u, v = ((columns + 0.5) * pitch_m).astype(np.float32), ((rows + 0.5) * pitch_m).astype(np.float32)
        found = atlas.look_up(np.zeros(len(u), np.int32), u, v, np.full(len(u), pitch_m, np.float32))
        # Not equal (a Gaussian is no box), but the same places: half a coarse texel off gives 0.8 and less.
        likeness = np.corrcoef(found.reshape(-1), mean[rows, columns].T.reshape(-1))[0, 1]
        assert likeness > 0.92, texels
        assert found.std() == pytest.approx(mean.std(), rel=0.18)


def test_levels_do_not_jump(atlas: Atlas) -> None:
    footprints = np.geomspace(TEXEL_M / 4, TILE_M * 2, 200).astype(np.float32)
    place = np.full(200, 1.234, np.float32)
    values = atlas.look_up(np.zeros(200, np.int32), place, place, footprints)
    assert np.abs(np.diff(values, axis=1)).max() < 25.0
    assert values[:, -1] == pytest.approx(draw_tile(atlas.materials[0]).mean(axis=(0, 1)) * 255.0, abs=3.0)
