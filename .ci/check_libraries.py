"""Load the packages that want libraries from the system; say in one line each which is missing and how to get it."""

from __future__ import annotations

import sys

from selfcue.errors import MissingDependencyError
from selfcue.optional import require
from selfcue.sim.body_model import load_mujoco
from selfcue.sim.raycasting import load_open3d


def main() -> int:
    """Return 0 where all load, 4 where one does not."""
    missing = 0
    for load in (load_mujoco, load_open3d, lambda: require("cv2", extra="vision")):
        try:
            load()
        except MissingDependencyError as error:
            print(error, file=sys.stderr)
            missing = error.exit_code
    return missing


if __name__ == "__main__":
    sys.exit(main())
