"""Data sets by name: found in ``$SELFCUE_DATA`` or the cache, else fetched from where they come from."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcue.errors import BadInputError, MissingDependencyError

_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Attributes:
        path: where it lies below the folder of data.
        size: bytes.
        sha256: what it must hash to.
        url: where it comes from.
    """

    path: str
    size: int
    sha256: str
    url: str


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set.

    Attributes:
        name: as on the command line.
        kind: graph, interactions, tables or windows.
        what: its contents in a line.
        origin: who publishes it, and where.
        licence: as stated there.
        loader: ``module:function``; called with the data set and the folder of its files.
        files: what it consists of; empty where a Python package brings it.
        package: the package that ships it.
        install: what is said after ``pip install`` to get that; '' for the package's name. Its files are enough: where
            its dependencies do not go with ours it comes without them.
    """

    name: str
    kind: str
    what: str
    origin: str
    licence: str
    loader: str
    files: tuple[DataFile, ...] = ()
    package: str = ""
    install: str = ""

    @property
    def size(self) -> int:
        """Bytes in all; 0 where a package brings it."""
        return sum(file.size for file in self.files)


def known() -> dict[str, DataSet]:
    """Return all data sets by name."""
    from selfcue.learners.offline.data.known import KNOWN

    return {data.name: data for data in KNOWN}


def find(name: str) -> DataSet:
    """Return the data set ``name``. Raises BadInputError where there is none; the message says what there is."""
    sets = known()
    if name in sets:
        return sets[name]
    close = difflib.get_close_matches(name, sets, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sets)}"
    raise BadInputError(f"no data {name!r}: neither a file nor a folder here, nor the name of a set; {hint}")


def roots() -> list[Path]:
    """Return the folders that are looked into, in order: ``$SELFCUE_DATA``, then the cache."""
    given = os.environ.get("SELFCUE_DATA")
    return [*([Path(given)] if given else []), cache()]


def cache() -> Path:
    """Return the folder that downloads go to: ``selfcue/data`` under ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "selfcue" / "data"


def located(data: DataSet) -> Path | None:
    """Return the folder below which all files of ``data`` lie (the package's, where one brings it); None: nowhere."""
    if data.package:
        spec = importlib.util.find_spec(data.package)
        return None if spec is None or spec.origin is None else Path(spec.origin).parent
    whole = (root for root in roots() if all(_fits(root / file.path, file) for file in data.files))
    return next(whole, None)


def get(data: DataSet) -> Path:
    """Return the folder of ``data``, after fetching it to the cache where it is not here yet.

    Raises:
        MissingDependencyError: it ships in a package that is not installed, or its origin cannot be reached.
        BadInputError: what came is not what it should be.
    """
    here = located(data)
    if here is not None:
        return here
    if data.package:
        raise MissingDependencyError(
            f"data {data.name!r} is {data.origin}; get it with: pip install {data.install or data.package}"
        )
    for file in data.files:
        if not _fits(cache() / file.path, file):
            _fetch(data, file, cache() / file.path)
    return cache()


def load(name: str) -> Any:
    """Return the data set ``name`` as its loader makes it; fetch it first where it is not here."""
    data = find(name)
    module, _, function = data.loader.partition(":")
    return getattr(importlib.import_module(module), function)(data, get(data))


def _fits(path: Path, file: DataFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size


def _fetch(data: DataSet, file: DataFile, path: Path) -> None:
    try:
        with urllib.request.urlopen(file.url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own addresses
            content = answer.read(file.size + 1)
    except (urllib.error.URLError, OSError) as error:
        raise MissingDependencyError(
            f"data {data.name!r} is not here and cannot be fetched ({file.url}: {error}); "
            f"put {file.path} below a folder and name that in SELFCUE_DATA"
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise BadInputError(
            f"{file.url}: {len(content)} bytes, SHA-256 {found[:12]}…, expected {file.size}, {file.sha256[:12]}…; "
            "its publisher may have changed it"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".tmp")
    aside.write_bytes(content)
    aside.replace(path)


def verify(data: DataSet) -> None:
    """Read every file of ``data`` and compare its hash. Raises BadInputError where one differs."""
    folder = get(data)
    for file in data.files:
        found = hashlib.sha256((folder / file.path).read_bytes()).hexdigest()
        if found != file.sha256:
            raise BadInputError(f"{folder / file.path}: SHA-256 {found[:12]}…, not {file.sha256[:12]}…; remove it")
