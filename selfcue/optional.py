"""Import of optional packages, with an error that names the command which installs them."""

from __future__ import annotations

import importlib
from types import ModuleType

from selfcue.errors import MissingDependencyError


def require(module: str, *, extra: str) -> ModuleType:
    """Import and return ``module``; where it is missing, say which extra of selfcue brings it.

    Raises:
        MissingDependencyError: the package, or a system library that it loads, is not there.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if getattr(error, "name", None) in (module, module.partition(".")[0]):
            why = "is not installed"
        else:
            why = f"does not load ({error})"
        raise MissingDependencyError(f"{module} {why}; get it with: pip install 'selfcue[{extra}]'") from error
    except OSError as error:
        raise MissingDependencyError(f"{module} is installed but a system library is missing: {error}") from error
