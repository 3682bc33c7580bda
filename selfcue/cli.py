"""The command line: it imports no room, and turns every error into one line and the right exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path

LINKED_ROOMS = ("agent", "benchmarks", "launch", "learners", "sensors", "sim")
EXIT_USAGE, EXIT_MISSING, EXIT_INTERRUPTED = 2, 4, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code.

    0 done, 1 ran and failed, 2 usage, 3 bad input, 4 missing hardware or dependency, 5 finished with losses,
    130 interrupted.
    """
    lost = [room for room in LINKED_ROOMS if (Path(__file__).parent / room).is_file()]
    if lost:
        print(
            f"selfcue: the links {', '.join(lost)} in {Path(__file__).parent} became plain files on the way here; "
            "clone with git (core.symlinks=true) or install the wheel",
            file=sys.stderr,
        )
        return EXIT_MISSING

    import typer

    from selfcue.commands.app import build
    from selfcue.errors import SelfcueError

    try:
        result = build().main(args=arguments, prog_name="selfcue", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        print("selfcue: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except typer.Exit as error:
        return error.exit_code
    except SelfcueError as error:
        print(f"selfcue: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output went away: `selfcue topic echo … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        # Typer carries a click of its own in newer versions, so its usage errors are known by what they can do.
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)
        where = f"; see: {context.command_path} --help" if context else ""
        print(f"selfcue: {error.format_message()}{where}", file=sys.stderr)
        return EXIT_USAGE
    return result if isinstance(result, int) else 0
