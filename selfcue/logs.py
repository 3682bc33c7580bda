"""Logs of a run: one file per process for all that its nodes and libraries print, and one per node for its own words.

``logs/PROCESS.log`` is the process's standard error; ``logs/nodes/NODE.log`` holds what the node says through
``Node.log``; ``logs/supervisor.log`` says which process started, ended and was started again, and why.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from pathlib import Path

_FORM = "%(asctime)s.%(msecs)03d %(levelname)s %(name)s %(message)s"
_DATE = "%Y-%m-%dT%H:%M:%S"


def node_logger(node: str) -> logging.Logger:
    """Return the logger of a node; before ``begin`` its lines go wherever the program sends its own."""
    return logging.getLogger(f"node.{node}")


def folder_of(run_dir: Path | str) -> Path:
    """Return where the logs of a run lie."""
    return Path(run_dir) / "logs"


def file_of(run_dir: Path, process: str) -> Path:
    """Return the log of a process; its folder is made where it is missing."""
    folder = folder_of(run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{process}.log"


def file_of_node(run_dir: Path, node: str) -> Path:
    """Return the log of a node; it is there once the node has said something."""
    return folder_of(run_dir) / "nodes" / f"{node}.log"


def begin(run_dir: Path, nodes: Iterable[str]) -> None:
    """Send this process's log lines to standard error, and those of ``nodes`` to a file each as well."""
    logging.basicConfig(level=logging.INFO, format=_FORM, datefmt=_DATE, stream=sys.stderr)
    file_of_node(run_dir, "").parent.mkdir(parents=True, exist_ok=True)
    for node in nodes:
        node_logger(node).addHandler(handler(file_of_node(run_dir, node)))


def handler(path: Path) -> logging.Handler:
    """Return a handler that appends lines to ``path``, which is made with the first of them."""
    made = logging.FileHandler(path, encoding="utf-8", delay=True)
    made.setFormatter(logging.Formatter(_FORM, _DATE))
    return made
