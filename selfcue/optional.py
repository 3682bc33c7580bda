"""Import of optional packages, with an error that names the command which installs them."""

from __future__ import annotations

import importlib
import re
from types import ModuleType

from selfcue.errors import MissingDependencyError

# Debian's and Ubuntu's package of each system library that a wheel of ours is linked against.
SYSTEM_PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libgomp.so.1": "libgomp1",
    "libidn2.so.0": "libidn2-0",
    "libportaudio.so.2": "libportaudio2",
    "libudev.so.1": "libudev1",
    "libusb-1.0.so.0": "libusb-1.0-0",
}


def require(module: str, *, extra: str) -> ModuleType:
    """Import and return ``module``; where it is missing, say which extra of selfcue brings it.

    Raises:
        MissingDependencyError: the package, or a system library that it loads, is not there.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if getattr(error, "name", None) in (module, module.partition(".")[0]):
            raise MissingDependencyError(
                f"{module} is not installed; get it with: pip install 'selfcue[{extra}]'"
            ) from error
        raise MissingDependencyError(f"{module} does not load ({error}); {_mend(str(error), extra)}") from error
    except OSError as error:
        raise MissingDependencyError(
            f"{module} is installed but a system library is missing ({error}); {_mend(str(error), extra)}"
        ) from error


def _mend(reason: str, extra: str) -> str:
    """Return the command that should help when an import fails for ``reason``."""
    library = re.search(r"lib[\w.+-]+\.so[.\d]*", reason)
    if library is None:
        if "PortAudio" in reason:
            return "Debian, Ubuntu: apt install libportaudio2"
        return f"get it with: pip install 'selfcue[{extra}]'"
    package = SYSTEM_PACKAGES.get(library.group())
    if package is None:
        return f"install the system package that holds {library.group()}"
    return f"Debian, Ubuntu: apt install {package}"
