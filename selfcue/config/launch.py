"""Launch files: which nodes run, in which processes, with which settings, from which arguments.

.. code-block:: yaml

    help: Stereo teaches one camera while a drone flies
    args:
      seed: {default: 0, help: lays out the room}
      duration: {default: 600.0, unit: s}
      learn: {default: "${duration / 2}", unit: s}
    presets:
      quick: {duration: 60.0}
    clock: body/drone            # PROCESS/NODE that makes time; without it the system runs on the wall's clock
    processes:
      body:
        - {name: drone, node: sim_drone, params: {seed: "${seed}"}}
    record: true                 # a recorder in a process of its own; see with_recorder
    restart:                     # on the wall's clock: what is started again when it dies; see RestartSpec
      camera: on-failure
      recorder: {policy: always, most: 3, window_s: 60.0}
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from selfcue.config.decode import decode
from selfcue.config.expression import substitute
from selfcue.errors import BadInputError, UsageError
from selfcue.transport.reach import Reach

Scalar = str | int | float | bool
RESTART_POLICIES = ("never", "on-failure", "always")


@dataclass(frozen=True)
class ArgSpec:
    """A launch argument: ``selfcue run NAME --KEY VALUE``. Its type is that of ``default``."""

    default: Scalar
    help: str = ""
    unit: str = ""
    choices: tuple[Scalar, ...] = ()


@dataclass(frozen=True)
class NodeSpec:
    """One node: its own name, the plugin's name, its settings.

    Attributes:
        params: decoded into the node's ``Params``.
        remap: topic that the node asks for, to the topic that it gets.
        qos: topic that the node gets, to what holds in place of what it asked for: ``latest``, ``keep(5)``, ``every``
            or ``reliable(64, 1 s)`` (unused in lock-step, where nothing is lost).
        rate_hz: how often ``step`` runs on the wall's clock (unused in lock-step).
    """

    name: str
    node: str
    params: dict[str, Any] = field(default_factory=dict)
    remap: dict[str, str] = field(default_factory=dict)
    qos: dict[str, str] = field(default_factory=dict)
    rate_hz: float = 20.0


@dataclass(frozen=True)
class RestartSpec:
    """What happens when a process ends that nobody told to end; written as a word alone, it is the ``policy``.

    Attributes:
        policy: ``never``: a failure ends the whole run; ``on-failure``: the process is started again after a crash, a
            kill or a failed node; ``always``: after a clean end too.
        most: restarts allowed within ``window_s``; where one more is needed, the run ends.
        window_s: length of the sliding window in which restarts are counted.
        wait_s: wait before the first restart of a window; it doubles with each further one (back-off).
        longest_wait_s: the wait grows no longer than this.
        silent_s: a process that gave no life sign for so long counts as hung and is killed; 0: it may be silent.
    """

    policy: str = "never"
    most: int = 5
    window_s: float = 60.0
    wait_s: float = 0.25
    longest_wait_s: float = 10.0
    silent_s: float = 30.0

    def __post_init__(self) -> None:
        if self.policy not in RESTART_POLICIES:
            raise ValueError(f"{self.policy!r} is no restart policy; use {', '.join(RESTART_POLICIES)}")
        if self.most < 1 or self.window_s <= 0 or not 0 <= self.wait_s <= self.longest_wait_s or self.silent_s < 0:
            raise ValueError(
                f"most {self.most}, window_s {self.window_s}, wait_s {self.wait_s}, longest_wait_s "
                f"{self.longest_wait_s}, silent_s {self.silent_s}: at least 1 restart, a window above 0, waits of at "
                "least 0 in rising order, a silence of at least 0"
            )


@dataclass(frozen=True)
class LaunchSpec:
    """A whole launch file.

    Attributes:
        clock: ``PROCESS/NODE`` of the clock's owner; empty for the wall's clock.
        rate: real-time factor of a driven clock; 0: as fast as the machine allows.
        snapshot_s: system time between snapshots of everything (lock-step only); 0: only when interrupted.
        reach: process to how it reaches beyond this machine (see ``docs/transport.md``); none does by itself.
        report: name of the end-of-run report, registered under ``selfcue.reports``; empty for none.
        restart: what happens to a process that dies, by process (wall's clock only); one not named: ``never``.
    """

    processes: dict[str, list[NodeSpec]]
    help: str = ""
    args: dict[str, ArgSpec] = field(default_factory=dict)
    presets: dict[str, dict[str, Scalar]] = field(default_factory=dict)
    clock: str = ""
    rate: float = 0.0
    snapshot_s: float = 30.0
    reach: dict[str, Reach] = field(default_factory=dict)
    report: str = ""
    restart: dict[str, RestartSpec] = field(default_factory=dict)


@dataclass(frozen=True)
class Launch:
    """A launch file that was found, read and checked, before its arguments are filled in."""

    name: str
    origin: str
    raw: dict[str, Any]
    lines: dict[str, int]
    args: dict[str, ArgSpec]
    presets: dict[str, dict[str, Scalar]]
    help: str
    text: str = ""

    def resolve(self, given: Mapping[str, Scalar], preset: str | None = None) -> tuple[LaunchSpec, dict[str, Scalar]]:
        """Fill in arguments (file's defaults < preset < ``given``); return the specification and the arguments.

        Raises:
            UsageError: an argument that is not declared, or of the wrong type or choice.
            BadInputError: the file does not hold together.
        """
        arguments = self._arguments(given, preset)
        try:
            filled = substitute({k: v for k, v in self.raw.items() if k not in ("args", "presets")}, arguments)
            filled = with_recorder(filled)
            for process, nodes in filled["processes"].items():
                for i, node in enumerate(decode(nodes, list[Any], f"processes.{process}")):
                    decode(node, NodeSpec, f"processes.{process}[{i}]")
            if isinstance(filled.get("restart"), dict):
                filled["restart"] = {
                    process: {"policy": given} if isinstance(given, str) else given
                    for process, given in filled["restart"].items()
                }
                for process, restart in filled["restart"].items():
                    decode(restart, RestartSpec, f"restart.{process}")
            spec = decode(filled, LaunchSpec)
        except ValueError as error:
            raise self.error(str(error)) from error
        return self._checked(spec), arguments

    def error(self, text: str) -> BadInputError:
        """Return an error for ``text`` (``PATH: what``) with the file and, where known, the line."""
        path, colon, rest = text.partition(": ")
        path = path.lstrip(".")
        probe = path
        while probe and probe not in self.lines:
            probe = probe.rpartition("[")[0] if probe.endswith("]") else probe.rpartition(".")[0]
        line = f":{self.lines[probe]}" if probe in self.lines else ""
        return BadInputError(f"{self.origin}{line}: {path}{colon}{rest}")

    def _arguments(self, given: Mapping[str, Scalar], preset: str | None) -> dict[str, Scalar]:
        if preset is not None and preset not in self.presets:
            raise UsageError(f"{self.name} has no preset {preset!r}; it has: {', '.join(self.presets) or 'none'}")
        chosen = {**(self.presets[preset] if preset else {}), **given}
        for name in chosen:
            if name not in self.args:
                raise UsageError(f"{self.name} has no argument {name!r}; it has: {', '.join(self.args) or 'none'}")
        arguments: dict[str, Scalar] = {}
        for name, spec in self.args.items():
            value = chosen.get(name, spec.default)
            try:
                value = substitute(value, arguments)
                arguments[name] = _typed(value, _kind_of(spec.default))
            except ValueError as error:
                if name in given:
                    raise UsageError(f"--{name} {value}: {error}") from error
                raise self.error(f"args.{name}.default: {error}") from error
            if spec.choices and arguments[name] not in spec.choices:
                raise UsageError(f"--{name} {value}: choose one of {', '.join(map(str, spec.choices))}")
        return arguments

    def _checked(self, spec: LaunchSpec) -> LaunchSpec:
        names = [node.name for nodes in spec.processes.values() for node in nodes]
        for process, nodes in spec.processes.items():
            if not process.replace("_", "").replace("-", "").isalnum():
                raise self.error(f"processes.{process}: use letters, digits, '-' and '_' in a process name")
            for i, node in enumerate(nodes):
                if names.count(node.name) > 1:
                    raise self.error(f"processes.{process}[{i}].name: two nodes are named {node.name!r}")
        for process in spec.reach:
            if process not in spec.processes:
                raise self.error(f"reach.{process}: no such process; there is: {', '.join(spec.processes)}")
        owner = tuple(spec.clock.split("/")) if spec.clock else ()
        if owner and owner not in {(process, n.name) for process, nodes in spec.processes.items() for n in nodes}:
            raise self.error(f"clock: {spec.clock!r} is not PROCESS/NODE of a node in this file")
        self._check_restarts(spec)
        return spec

    def _check_restarts(self, spec: LaunchSpec) -> None:
        for process, restart in spec.restart.items():
            if process not in spec.processes:
                raise self.error(f"restart.{process}: no such process; there is: {', '.join(spec.processes)}")
            if spec.clock and restart.policy != "never":
                raise self.error(
                    f"restart.{process}: in lock-step a lost process ends the run, whose results would differ without "
                    "it; go on with: selfcue run --resume RUN_DIR"
                )


RECORDER = "recorder"
"""Process, node and plug-in that ``record:`` stands for."""


def with_recorder(filled: dict[str, Any]) -> dict[str, Any]:
    """Return a launch file in which ``record:`` is written out as a process with a recorder.

    ``true`` records the topics of our own tasks, a list of patterns those of them that match, and a map holds settings
    of the node (``{topics: {imu: {type: Imu}}, compression: zstd, split_mb: 500}``); ``false`` records nothing.

    Raises:
        ValueError: it is none of these, or there is a process or node of that name already.
    """
    wanted = filled.get("record", False)
    rest = {key: value for key, value in filled.items() if key != "record"}
    if wanted is False:
        return rest
    if wanted is True:
        params: dict[str, Any] = {}
    elif isinstance(wanted, list) and wanted and all(isinstance(one, str) for one in wanted):
        params = {"only": wanted}
    elif isinstance(wanted, dict):
        params = wanted
    else:
        raise ValueError(f"record: expected true, false, a list of topics or a map of settings, got {wanted!r}")
    if RECORDER in filled["processes"]:
        raise ValueError(f"record: there is a process {RECORDER!r} already; use one of the two ways to record")
    node = {"name": RECORDER, "node": RECORDER, "params": params}
    return {**rest, "processes": {**filled["processes"], RECORDER: [node]}}


def find(name_or_path: str) -> Launch:
    """Return the launch file of that name (shipped with the package) or path. Raises UsageError, BadInputError."""
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") or path.exists():
        try:
            return parse(path.read_text(encoding="utf-8"), name=path.stem, origin=str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise BadInputError(f"{path}: cannot be read ({error})") from error
    shipped = shipped_names()
    if name_or_path not in shipped:
        raise UsageError(f"no launch file {name_or_path!r}; shipped: {', '.join(shipped)}; or give a path to a .yaml")
    text = importlib.resources.files("selfcue").joinpath("launch", f"{name_or_path}.yaml").read_text("utf-8")
    return parse(text, name=name_or_path, origin=f"{name_or_path}.yaml")


def shipped_names() -> list[str]:
    """Return the names of the launch files in the package."""
    folder = importlib.resources.files("selfcue").joinpath("launch")
    return sorted(entry.name[: -len(".yaml")] for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def parse(text: str, *, name: str, origin: str) -> Launch:
    """Return the launch file in ``text``. Raises BadInputError with file and line."""
    try:
        raw = yaml.safe_load(text)
        lines = _lines(yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise BadInputError(f"{origin}{line}: not valid YAML ({getattr(error, 'problem', error)})") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("processes"), dict) or not raw["processes"]:
        raise BadInputError(f"{origin}: a launch file is a map with at least one process under the key 'processes'")
    head = Launch(name, origin, raw, lines, {}, {}, str(raw.get("help", "")))
    try:
        args = decode(raw.get("args", {}), dict[str, ArgSpec], "args")
        presets = decode(raw.get("presets", {}), dict[str, dict[str, Scalar]], "presets")
    except ValueError as error:
        raise head.error(str(error)) from error
    return Launch(name, origin, raw, lines, args, presets, head.help, text)


def _lines(node: yaml.Node | None, path: str = "") -> dict[str, int]:
    found: dict[str, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = f"{path}.{key.value}" if path else str(key.value)
            found[here] = key.start_mark.line + 1
            found.update(_lines(value, here))
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            found[f"{path}[{i}]"] = value.start_mark.line + 1
            found.update(_lines(value, f"{path}[{i}]"))
    return found


def _kind_of(default: Scalar) -> type:
    """An expression stands for a number."""
    return float if isinstance(default, str) and default.startswith("${") else type(default)


def _typed(value: Scalar, kind: type) -> Scalar:
    if isinstance(value, str) and kind is not str:
        text = value
        if kind is bool:
            if text.lower() not in ("true", "false", "yes", "no", "1", "0"):
                raise ValueError("expected true or false")
            return text.lower() in ("true", "yes", "1")
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(f"expected {'a whole number' if kind is int else 'a number'}") from None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind):
        raise ValueError(f"expected {kind.__name__}, got {type(value).__name__}")  # noqa: TRY004 - one kind for callers
    return value
