"""The family of errors that a user may see: one clear line each, and the exit code that goes with it."""

from __future__ import annotations


class SelfcueError(Exception):
    """Base of every error that the command line turns into one line.

    The message names the subject, the fact with its values, and the next step to take.
    ``exit_code`` is what the process ends with.
    """

    exit_code = 1


class UsageError(SelfcueError):
    """The command or its options were wrong (exit code 2)."""

    exit_code = 2


class BadInputError(SelfcueError):
    """A file, key, unit, shape or message that was given cannot be used (exit code 3)."""

    exit_code = 3


class MissingDependencyError(SelfcueError):
    """Hardware, a driver or a library is not there; the message says how to get it (exit code 4)."""

    exit_code = 4


class LossError(SelfcueError):
    """The work was done, but something was lost on the way (exit code 5)."""

    exit_code = 5
