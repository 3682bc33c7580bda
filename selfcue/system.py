"""What every process of a run must know, written into the run's folder as ``system.json``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from selfcue.config.launch import LaunchSpec, Scalar
from selfcue.errors import BadInputError

FILE = "system.json"
LAUNCH_FILE = "launch.yaml"
"""The launch file of a run as its author wrote it, kept in the run's folder beside the resolved one."""


@dataclass(frozen=True)
class System:
    """A resolved launch.

    Attributes:
        name: name of the launch file.
        origin: where it came from, for error messages.
        arguments: launch arguments as they were filled in.
        domain: keeps this system apart from others on the machine.
        resume: name of the snapshot to start from; empty for a fresh start.
        wall_offset_ns: what the wall's clock was ahead of the machine's monotonic one when the run began; None before.
    """

    name: str
    origin: str
    spec: LaunchSpec
    arguments: dict[str, Scalar]
    domain: str
    resume: str = ""
    wall_offset_ns: int | None = None

    @property
    def owner(self) -> tuple[str, str] | None:
        """(process, node) that owns the clock; None under the wall's clock."""
        process, _, node = self.spec.clock.partition("/")
        return (process, node) if node else None

    def write(self, run_dir: Path) -> None:
        (run_dir / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(self)))

    @staticmethod
    def read(run_dir: Path) -> System:
        """Raises BadInputError where ``run_dir`` is not the folder of a run."""
        try:
            return msgspec.json.decode((run_dir / FILE).read_bytes(), type=System)
        except FileNotFoundError:
            raise BadInputError(f"{run_dir}: not the folder of a run (it has no {FILE})") from None
        except msgspec.DecodeError as error:
            raise BadInputError(f"{run_dir / FILE}: {error}") from error
