"""How the same thing gets written differently: the noise of OmniMatch's fabricated tables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from selfcue.learners.offline.tabular.column_text import clean, is_number

_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(.*)", re.DOTALL)
_HYPHEN = re.compile(r"(?<=\w)-(?=\d)|(?<=\d)-(?=\w)")
_STYLES = ("{d}/{m}/{y}{rest}", "{m}-{d}-{y}{rest}", "{y}{m}{d}{rest}", "{d}.{m}.{y}{rest}")


def _neighbours() -> dict[str, str]:
    near: dict[str, str] = {}
    for number, row in enumerate(_ROWS):
        for place, key in enumerate(row):
            around = row[max(place - 1, 0) : place] + row[place + 1 : place + 2]
            for other in (number - 1, number + 1):
                if 0 <= other < len(_ROWS):
                    around += _ROWS[other][place : place + 1]
            near[key] = "".join(c for c in around if c.isdigit() == key.isdigit())
    return near


NEIGHBOURS = _neighbours()
"""For each key of an English keyboard those beside it; a digit's are digits, a letter's letters."""


def noisy(values: Sequence[str], rng: np.random.Generator, *, typos: float) -> list[str]:
    """Return ``values`` as another system might have written them; '' stays ''.

    A column of fractions is drawn anew from a normal distribution whose mean and deviation are off by 10 to 50 %;
    ISO dates get another style, the same for all; anything else gets typing errors, a '-' within a value and beside a
    digit becomes a space, and letters lose their accents.

    Args:
        typos: chance of each letter and digit to become a neighbour on the keyboard.
    """
    filled = [value for value in values if clean(value)]
    if filled and all(is_number(clean(value)) for value in filled) and any("." in clean(value) for value in filled):
        return _drawn_anew(values, rng)
    if filled and all(_DATE.fullmatch(value) for value in filled):
        return _restyled(values, _STYLES[rng.integers(len(_STYLES))])
    plain = [_HYPHEN.sub(" ", _folded(value)) for value in values]
    return mistyped(plain, rng, typos)


def mistyped(values: Sequence[str], rng: np.random.Generator, share: float) -> list[str]:
    """Return ``values`` with each letter and digit replaced, with probability ``share``, by a key beside its own."""
    text = list("\n".join(value.replace("\n", " ") for value in values))
    for place in np.flatnonzero(rng.random(len(text)) < share):
        near = NEIGHBOURS.get(text[place].lower())
        if near:
            other = near[rng.integers(len(near))]
            text[place] = other.upper() if text[place].isupper() else other
    return "".join(text).split("\n") if values else []


def _drawn_anew(values: Sequence[str], rng: np.random.Generator) -> list[str]:
    numbers = np.array([float(clean(value)) for value in values if clean(value)])
    off = 1.0 + rng.choice([-1.0, 1.0], 2) * rng.uniform(0.1, 0.5, 2)
    digits = max(len(clean(value).partition(".")[2]) for value in values)
    drawn = rng.normal(numbers.mean() * off[0], numbers.std() * off[1], len(values))
    return [f"{x:.{min(digits, 12)}f}" if clean(value) else "" for x, value in zip(drawn, values, strict=True)]


def _restyled(values: Sequence[str], style: str) -> list[str]:
    found = [_DATE.fullmatch(value) for value in values]
    return [
        style.format(y=date[1], m=date[2], d=date[3], rest=date[4]) if date else value
        for date, value in zip(found, values, strict=True)
    ]


def _folded(value: str) -> str:
    return unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode()
