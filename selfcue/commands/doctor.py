"""``selfcue doctor``: what is here, what is missing, and the command that gets it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import typer

from selfcue import plugins
from selfcue.commands import ground, ports


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for. ``mend`` is the command that gets it, empty where it is there."""

    kind: str
    name: str
    found: str
    mend: str = ""
    what_for: str = ""


PACKAGES: tuple[tuple[str, str, str, str], ...] = (
    ("mujoco", "mujoco", "sim", "physics of the simulator"),
    ("open3d", "open3d", "sim", "cameras and LiDAR of the simulator by ray casting"),
    ("moderngl", "moderngl", "gl", "cameras of the simulator by OpenGL, three times as fast (renderer: gl)"),
    ("torch", "torch", "learn", "the dense student"),
    ("cv2", "opencv-python-headless", "learn", "stereo matching, cameras, images"),
    ("scipy", "scipy", "learn", "readiness bounds"),
    ("safetensors", "safetensors", "learn", "checkpoints"),
    ("matplotlib", "matplotlib", "learn", "pictures of the report"),
    ("onnxruntime", "onnxruntime", "learn", "onboard inference"),
    ("rosbags", "rosbags", "logs", "ROS logs"),
    ("pyulog", "pyulog", "logs", "PX4 flight logs"),
    ("pymavlink", "pymavlink", "logs", "MAVLink telemetry logs and autopilots"),
    ("linuxpy", "linuxpy", "v4l2", "cameras with the kernel's capture stamps"),
    ("sounddevice", "sounddevice", "audio", "microphones"),
    ("soundfile", "soundfile", "audio", "sound files"),
    ("serial", "pyserial", "imu", "IMUs and scanners by serial"),
    ("smbus2", "smbus2", "imu", "IMUs by I2C"),
    ("velodyne_decoder", "velodyne-decoder", "lidar", "Velodyne LiDARs other than the VLP-16"),
    ("foxglove", "foxglove-sdk", "view", "the live view in the Foxglove app"),
    ("rerun", "rerun-sdk", "view", "the view in Rerun"),
    ("ray", "ray", "fleet", "many logs on many machines"),
)


def examine() -> list[Finding]:
    """Return every finding, in the order in which a user needs them. Imports none of the packages."""
    findings = [
        Finding("machine", "python", platform.python_version()),
        Finding("machine", "processor", f"{platform.machine()}, {os.cpu_count()} cores"),
        Finding("machine", "memory", f"{psutil.virtual_memory().total / 2**30:.1f} GiB"),
        Finding("machine", "disk here", f"{shutil.disk_usage(Path.cwd()).free / 2**30:.1f} GiB free"),
    ]
    for module, package, extra, what_for in PACKAGES:
        if importlib.util.find_spec(module) is None:
            findings.append(Finding("package", package, "missing", f"pip install 'selfcue[{extra}]'", what_for))
        else:
            findings.append(Finding("package", package, _version(package), what_for=what_for))
    findings += [Finding("ground", one.name, one.found, one.mend, one.what_for) for one in ground.look()]
    findings += [Finding("system", one.name, one.found, one.mend, one.what_for) for one in ports.look()]
    groups = (plugins.NODES, plugins.READERS, plugins.SENSORS, plugins.COMMANDS)
    return findings + [Finding("plugins", group, ", ".join(plugins.names(group)) or "none") for group in groups]


def doctor(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Say what hardware and libraries are here, what each is for, and how to get what is missing."""
    findings = examine()
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", "what", "found", "for", "get it with"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        mark = "[red]-[/]" if finding.mend else "[green]+[/]"
        table.add_row(mark, finding.name, finding.found, finding.what_for, finding.mend.replace("[", r"\["))
    Console().print(table)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "found, version unknown"
