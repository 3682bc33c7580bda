"""What learners, agents and the system say of themselves, as ROS values and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from selfcue.messages import (
    AgentStatus,
    Health,
    HealthKind,
    HealthLevel,
    JournalEvent,
    LearnerStatus,
    NodeHealth,
    ProcessState,
    ProcessStatus,
    SafeCommand,
    Trust,
    TrustLevel,
    Truth,
    VelocityCommand,
    WorldMap,
)
from selfcue.record.converter import Converter
from selfcue.record.fields import Values, choice, join, split, twist, vector_of

_LEVELS: tuple[str, ...] = get_args(TrustLevel)
_KINDS: tuple[str, ...] = get_args(HealthKind)
_HEALTH_LEVELS: tuple[str, ...] = get_args(HealthLevel)
_PROCESS_STATES: tuple[str, ...] = get_args(ProcessState)
_STATES: tuple[str, ...] = get_args(get_type_hints(AgentStatus)["state"])


class TruthConverter(Converter[Truth]):
    """What a simulator knows."""

    kind = Truth
    schema = "selfcue_msgs/msg/Truth"

    def pack(self, message: Truth) -> Values:
        return {
            "corridor_nearest_m": message.corridor_nearest_m,
            "clearance_m": message.clearance_m,
            "fault_active": message.fault_active,
        }

    def unpack(self, values: Mapping[str, Any]) -> Values:
        fields = {name: values[name] for name in ("corridor_nearest_m", "clearance_m")}
        return fields | {"fault_active": tuple(values["fault_active"])}


class WorldMapConverter(Converter[WorldMap]):
    """Ground plans: the corners of all outlines in two long arrays."""

    kind = WorldMap
    schema = "selfcue_msgs/msg/WorldMap"

    def pack(self, message: WorldMap) -> Values:
        corners = [corner for outline in message.outlines.values() for corner in outline]
        return {
            "world": message.world,
            "names": list(message.outlines),
            "corners": [len(outline) for outline in message.outlines.values()],
            "x": [float(x) for x, _ in corners],
            "y": [float(y) for _, y in corners],
        }

    def unpack(self, values: Mapping[str, Any]) -> Values:
        counts = join(values, "names", "corners")
        corners = list(zip(values["x"].tolist(), values["y"].tolist(), strict=True))
        if sum(counts.values()) != len(corners):
            raise ValueError(f"{len(corners)} corners do not make outlines of {list(counts.values())}")
        outlines: dict[str, tuple[tuple[float, float], ...]] = {}
        at = 0
        for name, count in counts.items():
            outlines[name] = tuple(corners[at : at + count])
            at += count
        return {"world": values["world"], "outlines": outlines}


class TrustConverter(Converter[Trust]):
    """Fault detectors."""

    kind = Trust
    schema = "selfcue_msgs/msg/Trust"

    def pack(self, message: Trust) -> Values:
        fields: Values = {"cue": message.cue, "level": message.level, "reason": message.reason}
        return fields | split(message.evidence, "evidence_names", "evidence_values")

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return {
            "cue": values["cue"],
            "level": choice(values["level"], _LEVELS, "trust field 'level'"),
            "reason": values["reason"],
            "evidence": join(values, "evidence_names", "evidence_values"),
        }


class LearnerStatusConverter(Converter[LearnerStatus]):
    """Learners."""

    kind = LearnerStatus
    schema = "selfcue_msgs/msg/LearnerStatus"

    def pack(self, message: LearnerStatus) -> Values:
        names = ("pair", "trust", "ready", "ready_fast", "frozen", "model_id")
        fields: Values = {name: getattr(message, name) for name in names}
        skill = split(message.skill, "skill_names", "skill_values")
        return fields | skill | split(message.counts, "count_names", "count_values")

    def unpack(self, values: Mapping[str, Any]) -> Values:
        fields: Values = {name: values[name] for name in ("pair", "ready", "ready_fast", "frozen", "model_id")}
        fields["trust"] = choice(values["trust"], _LEVELS, "learner field 'trust'")
        fields["skill"] = join(values, "skill_names", "skill_values")
        fields["counts"] = join(values, "count_names", "count_values")
        return fields


class VelocityCommandConverter(Converter[VelocityCommand]):
    """Wishes of agents."""

    kind = VelocityCommand
    schema = "selfcue_msgs/msg/VelocityCommand"

    def pack(self, message: VelocityCommand) -> Values:
        return {"twist": twist(message.linear, message.yaw_rate), "mode": message.mode, "reason": message.reason}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return _motion(values) | {"mode": values["mode"], "reason": values["reason"]}


class SafeCommandConverter(Converter[SafeCommand]):
    """Commands that bodies obey."""

    kind = SafeCommand
    schema = "selfcue_msgs/msg/SafeCommand"

    def pack(self, message: SafeCommand) -> Values:
        return {
            "twist": twist(message.linear, message.yaw_rate),
            "mode": message.mode,
            "limited_by": message.limited_by,
        }

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return _motion(values) | {"mode": values["mode"], "limited_by": values["limited_by"]}


class AgentStatusConverter(Converter[AgentStatus]):
    """Agents."""

    kind = AgentStatus
    schema = "selfcue_msgs/msg/AgentStatus"

    def pack(self, message: AgentStatus) -> Values:
        fields: Values = {"state": message.state, "phase": message.phase, "reason": message.reason}
        return fields | split(message.counts, "count_names", "count_values")

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return {
            "state": choice(values["state"], _STATES, "agent field 'state'"),
            "phase": values["phase"],
            "reason": values["reason"],
            "counts": join(values, "count_names", "count_values"),
        }


class JournalEventConverter(Converter[JournalEvent]):
    """Events; each value of ``detail`` is JSON, so that its type comes back."""

    kind = JournalEvent
    schema = "selfcue_msgs/msg/JournalEvent"

    def pack(self, message: JournalEvent) -> Values:
        detail = [{"key": key, "value": json.dumps(value, ensure_ascii=False)} for key, value in message.detail.items()]
        return {"kind": message.kind, "detail": detail}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        detail = {item["key"]: json.loads(item["value"]) for item in values["detail"]}
        for key, value in detail.items():
            if not isinstance(value, (str, int, float, bool)):
                raise TypeError(f"journal detail {key!r} holds a {type(value).__name__}")
        return {"kind": values["kind"], "detail": detail}


class NodeHealthConverter(Converter[NodeHealth]):
    """Life signs."""

    kind = NodeHealth
    schema = "selfcue_msgs/msg/NodeHealth"

    def pack(self, message: NodeHealth) -> Values:
        fields: Values = {name: getattr(message, name) for name in ("host", "nodes", "cpu_share", "rss_bytes")}
        rates = split(message.rate_hz, "rate_topics", "rate_hz")
        return fields | rates | split(message.drops, "drop_names", "drop_counts")

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return {
            "host": values["host"],
            "nodes": tuple(values["nodes"]),
            "rate_hz": join(values, "rate_topics", "rate_hz"),
            "drops": join(values, "drop_names", "drop_counts"),
            "cpu_share": values["cpu_share"],
            "rss_bytes": values["rss_bytes"],
        }


class HealthConverter(Converter[Health]):
    """Rates, ages and levels at the source."""

    kind = Health
    schema = "selfcue_msgs/msg/Health"
    _FIELDS = ("kind", "name", "level", "reason", "asked_hz", "measured_hz", "age_s", "drops", "temperature_c")

    def pack(self, message: Health) -> Values:
        return {name: getattr(message, name) for name in self._FIELDS}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        fields = {name: values[name] for name in self._FIELDS}
        fields["kind"] = choice(values["kind"], _KINDS, "health field 'kind'")
        fields["level"] = choice(values["level"], _HEALTH_LEVELS, "health field 'level'")
        return fields


class ProcessStatusConverter(Converter[ProcessStatus]):
    """What the supervisor says of a process."""

    kind = ProcessStatus
    schema = "selfcue_msgs/msg/ProcessStatus"
    _FIELDS = ("process", "state", "pid", "restarts", "reason")

    def pack(self, message: ProcessStatus) -> Values:
        return {name: getattr(message, name) for name in self._FIELDS}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        fields = {name: values[name] for name in self._FIELDS}
        fields["state"] = choice(values["state"], _PROCESS_STATES, "process field 'state'")
        return fields


def _motion(values: Mapping[str, Any]) -> Values:
    return {"linear": vector_of(values["twist"]["linear"]), "yaw_rate": values["twist"]["angular"]["z"]}
