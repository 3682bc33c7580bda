"""System libraries, programs and ports that sensors need, for ``selfcue doctor``: what is here, what gets the rest."""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from selfcue.commands.ground import Ground
from selfcue.optional import SYSTEM_PACKAGES

WHAT_FOR = {
    "libEGL.so.1": "rendering without a display",
    "libGL.so.1": "Open3D's wheel",
    "libX11.so.6": "Open3D's wheel",
    "libgomp.so.1": "Open3D's and scikit-learn's wheels",
    "libidn2.so.0": "Open3D's wheel",
    "libportaudio.so.2": "microphones",
    "libudev.so.1": "Open3D's wheel",
    "libusb-1.0.so.0": "USB depth cameras",
}
PROGRAMS = (
    ("ffmpeg", "ffmpeg", "serving a camera in the network (tests)"),
    ("v4l2-ctl", "v4l-utils", "listing a camera's formats and controls"),
    ("pulseaudio", "pulseaudio pulseaudio-utils libasound2-plugins", "a microphone without hardware (tests)"),
)
PORTS = (
    ("cameras", "video*", "USB and CSI cameras", "video"),
    ("serial ports", "tty[UA][SCM][BM]*", "IMUs, autopilots and scanners by serial", "dialout"),
    ("I2C buses", "i2c-*", "IMUs by I2C", "i2c"),
)
_FOLDERS = ("/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64")


def look(device_folder: Path = Path("/dev"), known: Callable[[], set[str]] | None = None) -> list[Ground]:
    """Return everything, libraries first. Loads none of the libraries.

    Args:
        device_folder: where ports are looked for.
        known: returns the names of the system's shared libraries.
    """
    here = (known or libraries)()
    return [
        *(_library(name, here) for name in sorted(SYSTEM_PACKAGES)),
        *(_program(*one) for one in PROGRAMS),
        *(_ports(*one, device_folder) for one in PORTS),
    ]


def libraries() -> set[str]:
    """Return the names of the shared libraries that the system's loader knows (``libportaudio.so.2``)."""
    try:
        said = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {path.name for folder in _FOLDERS for path in _below(Path(folder))}
    return {line.split()[0] for line in said.splitlines() if "=>" in line}


def _below(folder: Path) -> Iterable[Path]:
    return [*folder.glob("*.so*"), *folder.glob("*/*.so*")] if folder.is_dir() else []


def _library(name: str, here: set[str]) -> Ground:
    what_for = WHAT_FOR.get(name, "a package's wheel")
    if name in here:
        return Ground(name, "found", what_for)
    return Ground(name, "missing", what_for, f"sudo apt-get install {SYSTEM_PACKAGES[name]}")


def _program(name: str, package: str, what_for: str) -> Ground:
    if shutil.which(name):
        return Ground(name, "found", what_for)
    return Ground(name, "missing", what_for, f"sudo apt-get install {package}")


def _ports(name: str, pattern: str, what_for: str, group: str, folder: Path) -> Ground:
    ports = sorted(folder.glob(pattern))
    closed = [port for port in ports if not os.access(port, os.R_OK | os.W_OK)]
    found = ", ".join(str(port) for port in ports) or "none"
    if not closed:
        return Ground(name, found, what_for)
    return Ground(
        name,
        f"{found} (not readable by this user)",
        what_for,
        f"sudo usermod -aG {_group(closed[0], group)} $USER, then log in anew",
    )


def _group(port: Path, usual: str) -> str:
    try:
        return grp.getgrgid(port.stat().st_gid).gr_name
    except (KeyError, OSError):
        return usual
