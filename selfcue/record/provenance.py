"""What a log says of where it comes from: versions, git state, launch file, checkpoints."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from selfcue import __version__
from selfcue.system import FILE as SYSTEM_FILE
from selfcue.system import LAUNCH_FILE

CHECKPOINTS = "selfcue.checkpoints"
"""Metadata record: SHA-256 of each checkpoint by its path, relative to the run's folder where it lies in it."""
_PACKAGES = ("numpy", "mcap", "pyzmq", "msgspec", "opencv-python-headless", "torch", "onnxruntime", "mujoco", "open3d")
_CHECKPOINT_SUFFIXES = (".safetensors", ".onnx")
_MOST_BYTES = 4 << 30
_GIT_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Origin:
    """What goes into a log at its beginning: entries of its first metadata record, and attachments by name."""

    metadata: dict[str, str] = field(default_factory=dict)
    attachments: dict[str, str] = field(default_factory=dict)


def origin_of(run_dir: Path | None) -> Origin:
    """Return what is known of the run in ``run_dir`` and of the software here."""
    metadata = {"versions": versions(), "git": git_states(), "machine": f"{platform.system()} {platform.machine()}"}
    attachments: dict[str, str] = {}
    if run_dir is None:
        return Origin(metadata)
    for name in (SYSTEM_FILE, LAUNCH_FILE):
        if (run_dir / name).is_file():
            attachments[name] = (run_dir / name).read_text(encoding="utf-8")
    metadata["checkpoints"] = json.dumps(checkpoints(run_dir, attachments.get(SYSTEM_FILE, "")))
    return Origin(metadata, attachments)


@cache
def versions() -> str:
    """Return the versions of what may have had a part in a log, as JSON; what is not installed is left out."""
    found = {"selfcue": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return json.dumps(found)


@cache
def git_states() -> str:
    """Return commit and uncommitted changes of selfcue's checkout and of the working folder's, as JSON.

    Where there is no checkout, or no git, its entry is missing. Read once a process.
    """
    places = {"selfcue": Path(__file__).resolve().parent, "here": Path.cwd()}
    found = {name: state for name, folder in places.items() if (state := _git_state(folder))}
    return json.dumps(found)


def _git_state(folder: Path) -> dict[str, Any]:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=_GIT_PATIENCE_S
        )
        return done.stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return {}


def checkpoints(run_dir: Path, system_text: str = "") -> dict[str, str]:
    """Return SHA-256 by path: of weights in ``run_dir``, and of those that the settings in ``system_text`` name."""
    found: dict[str, str] = {}
    for path in sorted(run_dir.rglob("*")):
        if path.suffix in _CHECKPOINT_SUFFIXES and path.is_file():
            found[str(path.relative_to(run_dir))] = _sha256(path)
    for word in _words(system_text):
        path = Path(word)
        if path.suffix in _CHECKPOINT_SUFFIXES and path.is_file():
            found[word] = _sha256(path)
    return found


def _sha256(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return "not taken: the file is too big"
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _slow(path)
    except OSError as error:
        return f"not taken: {error.strerror}"


def _slow(path: Path) -> str:
    """Python 3.10 has no ``file_digest``."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _words(text: str) -> Iterable[str]:
    """Yield every string in a JSON text."""
    try:
        waiting: list[Any] = [json.loads(text)] if text else []
    except ValueError:
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
