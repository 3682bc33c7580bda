"""Who had to do with what: what the methods of the recommend family learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.csv_table import codes_of, read_csv

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Features:
    """Categorical descriptions of users or items.

    Attributes:
        codes: by name, (N,) int64: the category of each row, from 0.
        sizes: by name: how many categories there are.
    """

    codes: Mapping[str, IntArray] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, code in self.codes.items():
            size = self.sizes.get(name, 0)
            if code.dtype != np.int64 or code.ndim != 1 or (code.size and not 0 <= code.min() <= code.max() < size):
                raise BadInputError(
                    f"feature {name!r} must be (N,) int64 from 0 to {size - 1}, got {code.shape} {code.dtype}"
                )
        if len({len(code) for code in self.codes.values()}) > 1:
            raise BadInputError(f"features of unequal length: { ({n: len(c) for n, c in self.codes.items()}) }")

    def __len__(self) -> int:
        return len(next(iter(self.codes.values()))) if self.codes else 0

    def matrix(self) -> IntArray:
        """Return the codes (N, K), a column a feature."""
        return np.stack(list(self.codes.values()), axis=1)


@dataclass(frozen=True, eq=False)
class Interactions:
    """Pairs of a user and an item (an actor and an object, a query and an answer); no ratings.

    Attributes:
        user, item: (M,) int64 from 0: the training pairs, in the order of time where there is one.
        n_users, n_items: how many there are of each; some may have no pair.
        val_user, val_item: (V,) int64: pairs to stop by. Test pairs do not belong here.
        users, items: what is known of each; empty where nothing is.
        user_names, item_names: what the ids stand for; empty: themselves.
        name: for messages and reports.
    """

    user: IntArray
    item: IntArray
    n_users: int
    n_items: int
    val_user: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    val_item: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    users: Features = field(default_factory=Features)
    items: Features = field(default_factory=Features)
    user_names: tuple[str, ...] = ()
    item_names: tuple[str, ...] = ()
    name: str = "interactions"

    def __post_init__(self) -> None:
        if not len(self.user):
            raise BadInputError(f"{self.name}: no interactions at all")
        columns = [("user", self.user, self.n_users), ("item", self.item, self.n_items)]
        columns += [("val_user", self.val_user, self.n_users), ("val_item", self.val_item, self.n_items)]
        for what, ids, size in columns:
            if ids.dtype != np.int64 or ids.ndim != 1:
                raise BadInputError(f"{self.name}: {what} must be (M,) int64, got {ids.shape} {ids.dtype}")
            if ids.size and not 0 <= ids.min() <= ids.max() < size:
                raise BadInputError(f"{self.name}: {what} {ids.min()} to {ids.max()}, but there are 0 to {size - 1}")
        if len(self.user) != len(self.item) or len(self.val_user) != len(self.val_item):
            raise BadInputError(f"{self.name}: {len(self.user)} users for {len(self.item)} items; they come in pairs")
        for what, features, size in (("users", self.users, self.n_users), ("items", self.items, self.n_items)):
            if features.codes and len(features) != size:
                raise BadInputError(f"{self.name}: features of {len(features)} {what}, but there are {size}")

    @classmethod
    def read(cls, path: Path | str) -> Interactions:
        """Read a CSV with a column ``user`` and a column ``item`` (or else the first two); doubles are dropped.

        A column ``split`` may say ``train`` or ``val`` (``test`` rows are left out). A folder holds ``pairs.csv`` and
        perhaps ``users.csv`` and ``items.csv``: first column the name, each other one a category.

        Raises:
            BadInputError: there is no such file, or it holds no pairs.
        """
        path = Path(path)
        pairs = read_csv(path / "pairs.csv" if path.is_dir() else path)
        if len(pairs) < 2:
            raise BadInputError(f"{path}: needs two columns, user and item; got {', '.join(pairs)}")
        names = list(pairs)
        columns = (pairs.get("user", pairs[names[0]]), pairs.get("item", pairs[names[1]]))
        words = pairs.get("split", ["train"] * len(columns[0]))
        odd = next((word for word in words if word not in {"train", "val", "test"}), None)
        if odd is not None:
            raise BadInputError(f"{path}: split {odd!r}; it is train, val or test")
        split = np.array(words)
        tables = [_table(path / f"{what}.csv") if path.is_dir() else ([], Features()) for what in ("users", "items")]
        ids, known = [], []
        for column, (listed, _), what in zip(columns, tables, ("user", "item"), strict=True):
            codes, found = codes_of(column) if not listed else _look_up(column, listed, f"{path}: {what}")
            ids.append(codes)
            known.append(tuple(found))
        both = np.stack(ids, axis=1)
        train, val = (_once(both[split == part]) for part in ("train", "val"))
        return cls(
            train[:, 0], train[:, 1], len(known[0]), len(known[1]), val[:, 0], val[:, 1],
            tables[0][1], tables[1][1], known[0], known[1], path.stem,
        )  # fmt: skip

    def without(self, drop: npt.NDArray[np.bool_]) -> Interactions:
        """Return the same without the training pairs where ``drop`` (M,) holds."""
        return self.with_pairs(self.user[~drop], self.item[~drop])

    def with_pairs(self, user: IntArray, item: IntArray) -> Interactions:
        """Return the same with other training pairs."""
        from dataclasses import replace

        return replace(self, user=user, item=item)


def _once(pairs: IntArray) -> IntArray:
    """Return ``pairs`` (M, 2) without doubles, in the order in which they first come."""
    _, first = np.unique(pairs, axis=0, return_index=True)
    return np.ascontiguousarray(pairs[np.sort(first)])


def _table(path: Path) -> tuple[list[str], Features]:
    if not path.exists():
        return [], Features()
    table = read_csv(path)
    first, *rest = table
    coded = {name: codes_of(table[name]) for name in rest}
    return table[first], Features({n: c for n, (c, _) in coded.items()}, {n: len(k) for n, (_, k) in coded.items()})


def _look_up(column: list[str], listed: list[str], where: str) -> tuple[IntArray, list[str]]:
    place = {name: i for i, name in enumerate(listed)}
    unknown = next((name for name in column if name not in place), None)
    if unknown is not None:
        raise BadInputError(f"{where} {unknown!r} is in the pairs but not in the table beside them")
    return np.array([place[name] for name in column], dtype=np.int64), listed
