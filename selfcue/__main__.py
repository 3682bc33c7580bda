"""``python -m selfcue``."""

from __future__ import annotations

import sys

from selfcue.cli import main

if __name__ == "__main__":
    sys.exit(main())
