"""Becomes another program that ends with its parent: ``python -m selfcue.view.tied PARENT_PID PROGRAM ARGUMENTS...``.

A viewer of another make knows nothing of the process that started it. The kernel's word that a parent has died (Linux)
holds through ``exec``, so it is asked for here, before this process becomes that program.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Tie this process to its parent, and become the program."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(argv[1]):  # it has died already
        sys.exit(1)
    os.execv(argv[2], argv[2:])  # noqa: S606 - no shell, and the path is our own


if __name__ == "__main__":
    main(sys.argv)
