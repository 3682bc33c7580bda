"""Snapshots of a whole system: one folder per snapshot, one state file per process, whole or not there at all.

Processes write into ``NAME.tmp``; the owner of the clock renames it to ``NAME`` when all have written. Resuming starts
at the newest whole one.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from selfcue.errors import BadInputError
from selfcue.state import State, load_state, save_state, sync_folder

KEEP = 2


def folder_of(run_dir: Path) -> Path:
    """Return where the snapshots of a run lie."""
    return run_dir / "snapshots"


def name_of(k: int) -> str:
    """Return the name of the snapshot taken before tick ``k``; names sort by time."""
    return f"tick-{k:09d}"


def write_part(run_dir: Path, name: str, process: str, state: State) -> None:
    """Write one process's part of snapshot ``name``."""
    save_state(folder_of(run_dir) / f"{name}.tmp" / f"{process}.npz", state)


def finish(run_dir: Path, name: str) -> None:
    """Make snapshot ``name`` valid and drop the oldest."""
    folder = folder_of(run_dir)
    target = folder / name
    if target.exists():  # a resumed run comes by the snapshot that it started from; it is the same
        shutil.rmtree(folder / f"{name}.tmp")
        return
    (folder / f"{name}.tmp").rename(target)
    sync_folder(folder)
    for old in whole(run_dir)[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)


def whole(run_dir: Path) -> list[Path]:
    """Return the whole snapshots, oldest first."""
    folder = folder_of(run_dir)
    return sorted(path for path in folder.glob("tick-*") if path.suffix != ".tmp") if folder.is_dir() else []


def newest(run_dir: Path) -> str:
    """Return the name of the newest whole snapshot. Raises BadInputError where there is none."""
    found = whole(run_dir)
    if not found:
        raise BadInputError(f"{run_dir}: no whole snapshot to resume from; start the run anew")
    return found[-1].name


def read_part(run_dir: Path, name: str, process: str) -> State:
    """Return one process's part of snapshot ``name``. Raises BadInputError where it is missing or damaged."""
    return load_state(folder_of(run_dir) / name / f"{process}.npz")
