"""What logs lie in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from selfcue import plugins
from selfcue.errors import MissingDependencyError, SelfcueError
from selfcue.record import sources


@dataclass(frozen=True)
class Found:
    """One log. ``problem`` is why it cannot be read; empty where it can."""

    path: Path
    reader: str
    nbytes: int
    messages: int = 0
    topics: int = 0
    start_s: float = 0.0
    duration_s: float = 0.0
    loss: str = ""
    problem: str = ""


def survey(paths: Iterable[Path], *, depth: int = 2) -> Iterator[Found]:
    """Yield the logs at ``paths`` and in the folders there, down to ``depth`` folders below.

    What no reader claims is passed over; a log that a reader claims and cannot open is told with its problem.
    """
    for path in paths:
        reader = _claimed(path)
        if reader:
            yield _look(path, reader)
        elif path.is_dir() and depth >= 0:
            inside = sorted(one for one in path.iterdir() if not one.name.startswith("."))
            yield from survey(inside, depth=depth - 1)


def _claimed(path: Path) -> str:
    """Return the name of the reader that claims ``path``; empty where none does."""
    for name in plugins.names(plugins.READERS):
        try:
            if plugins.load(plugins.READERS, name).claims(path):
                return name
        except MissingDependencyError:
            continue
        except SelfcueError:  # a folder of several: what is in it claims itself
            return ""
    return ""


def _look(path: Path, reader: str) -> Found:
    files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
    nbytes = sum(one.stat().st_size for one in files)
    try:
        name, source = sources.open_named(path)
        infos = sources.contents(source)
        start_ns, end_ns = source.start_ns, source.end_ns
        return Found(
            path,
            name,
            nbytes,
            messages=sum(info.count for info in infos.values()),
            topics=len(infos),
            start_s=start_ns / 1e9,
            duration_s=(end_ns - start_ns) / 1e9,
            loss=sources.loss(source),
        )
    except SelfcueError as error:
        return Found(path, reader, nbytes, problem=str(error))
