"""Named arrays and JSON: how anything that must survive is written down. Never pickle.

A state is one ``.npz`` file whose entry ``__meta__`` is JSON; it is written aside, synced and renamed, so that a reader
finds either the old file or the new one whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from selfcue.errors import BadInputError

_META = "__meta__"


@dataclass(frozen=True)
class State:
    """``meta`` is JSON-serialisable; ``arrays`` maps names (may hold ``/``) to numpy arrays without object dtype."""

    meta: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def nested(self, **parts: State) -> State:
        """Return this state with ``parts`` folded in under their names (see ``part``)."""
        meta = {**self.meta, "parts": {name: part.meta for name, part in parts.items()}}
        arrays = dict(self.arrays)
        for name, part in parts.items():
            arrays.update({f"{name}/{key}": value for key, value in part.arrays.items()})
        return State(meta, arrays)

    def part(self, name: str) -> State:
        """Return the state that ``nested`` folded in under ``name``."""
        if name not in self.meta.get("parts", {}):
            raise BadInputError(f"the saved state has no part {name!r}; it was written by another version or node")
        prefix = f"{name}/"
        arrays = {key[len(prefix) :]: value for key, value in self.arrays.items() if key.startswith(prefix)}
        return State(self.meta["parts"][name], arrays)

    def digest(self) -> str:
        """Return a hash over every name, dtype, shape and byte: equal states, equal digests."""
        hasher = hashlib.sha256(json.dumps(self.meta, sort_keys=True).encode())
        for key in sorted(self.arrays):
            array = np.ascontiguousarray(self.arrays[key])
            hasher.update(f"{key}|{array.dtype.str}|{array.shape}|".encode())
            hasher.update(array.tobytes())
        return hasher.hexdigest()


def save_state(path: Path, state: State) -> None:
    """Write ``state`` to ``path``: aside, synced, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".tmp")
    meta = np.frombuffer(json.dumps(state.meta).encode(), dtype=np.uint8)
    with aside.open("wb") as file:
        np.savez(file, **{_META: meta}, **state.arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def load_state(path: Path) -> State:
    """Read what ``save_state`` wrote. Raises BadInputError where the file is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        meta = json.loads(arrays.pop(_META).tobytes())
    except FileNotFoundError:
        raise BadInputError(f"{path}: no such state file") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise BadInputError(f"{path}: not a whole state file ({error}); use an older snapshot") from error
    return State(meta, arrays)


def sync_folder(folder: Path) -> None:
    """Make renames inside ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def generator_state(generator: np.random.Generator) -> dict[str, Any]:
    """Return the JSON-serialisable state of a numpy generator (PCG64)."""
    return dict(generator.bit_generator.state)


def generator_from(state: dict[str, Any]) -> np.random.Generator:
    """Return the generator that ``generator_state`` described."""
    generator = np.random.Generator(np.random.PCG64())
    generator.bit_generator.state = state
    return generator
