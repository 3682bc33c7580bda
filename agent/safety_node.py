"""The node that alone publishes ``cmd/safe``: what bodies and autopilots obey."""

from __future__ import annotations

from dataclasses import dataclass, field

from selfcue.agent.safety import SafetyConfig, SafetyFilter, Situation
from selfcue.agent.saved import pack, unpack
from selfcue.agent.sight import CueSight, SightConfig, camera_of
from selfcue.corridor import CorridorConfig
from selfcue.messages import CameraInfo, Contact, Estimate, SafeCommand, Trust, VelocityCommand
from selfcue.node import Link, Node, Publisher
from selfcue.state import State


@dataclass(frozen=True)
class SafetyParams:
    """Settings of the safety node.

    Attributes:
        limits: see ``SafetyConfig``.
        corridor: what is in the way.
        frame_id: body frame of the commands.
    """

    limits: SafetyConfig = field(default_factory=SafetyConfig)
    corridor: CorridorConfig = field(default_factory=CorridorConfig)
    frame_id: str = "base_link"


class SafetyNode(Node):
    """Passes each wish through the rules of ``selfcue.agent.safety``, every tick.

    In: ``cmd/wish``, ``depth/trusted``, ``depth/student`` (its time only), ``trust/stereo``, ``contact``,
    ``stereo/left/camera_info``. Out: ``cmd/safe``; ``journal`` (kind ``safety``) when a rule begins to limit.

    The speed limits and the margin may be changed in flight: ``selfcue param set safety limits.max_speed_m_s 0.4``.
    """

    Params = SafetyParams
    LIVE_PARAMS = (
        "limits.max_speed_m_s", "limits.max_climb_m_s", "limits.max_yaw_rate_rad_s", "limits.margin_m",
    )  # fmt: skip
    params: SafetyParams

    def __init__(self, name: str, params: SafetyParams) -> None:
        super().__init__(name, params)
        self._filter = SafetyFilter(params.limits)
        self._sight = CueSight(SightConfig(corridor=params.corridor, memory_s=0.0))
        self._camera: CameraInfo | None = None
        self._wish: VelocityCommand | None = None
        self._trust: Trust | None = None
        self._student_ns: int | None = None
        self._contact_ns: int | None = None
        self._limited_by = ""

    def retune(self, params: SafetyParams) -> None:
        super().retune(params)
        self._filter = SafetyFilter(params.limits)

    def configure(self, link: Link) -> None:
        self._link = link
        self._out: Publisher[SafeCommand] = link.advertise("cmd/safe", SafeCommand)
        link.subscribe("stereo/left/camera_info", CameraInfo, self._on_camera)
        link.subscribe("cmd/wish", VelocityCommand, self._on_wish, keep=1)
        link.subscribe("depth/trusted", Estimate, self._on_trusted, keep=1)
        link.subscribe("depth/student", Estimate, self._on_student, keep=1)
        link.subscribe("trust/stereo", Trust, self._on_trust, keep=1)
        link.subscribe("contact", Contact, self._on_contact)

    def _on_camera(self, info: CameraInfo) -> None:
        self._camera = info

    def _on_wish(self, wish: VelocityCommand) -> None:
        self._wish = wish

    def _on_trusted(self, estimate: Estimate) -> None:
        if self._camera is not None:
            self._sight.take(estimate, camera_of(self._camera))

    def _on_student(self, estimate: Estimate) -> None:
        self._student_ns = estimate.stamp_ns

    def _on_trust(self, trust: Trust) -> None:
        self._trust = trust

    def _on_contact(self, contact: Contact) -> None:
        self._contact_ns = contact.stamp_ns

    def step(self, now_ns: int) -> None:
        score = self._sight.score
        situation = Situation(
            now_ns=now_ns,
            trust="lost" if self._trust is None else self._trust.level,
            trusted_ns=self._sight.stamp_ns,
            student_ns=self._student_ns,
            nearest_m=1.0 / score if score > 0 else float("inf"),
            contact_ns=self._contact_ns,
        )
        motion = self._filter.apply(self._wish, situation)
        if motion.limited_by != self._limited_by:
            self._limited_by = motion.limited_by
            # Before the first wish there is nothing to report: the agent is still starting.
            if self._wish is not None and motion.limited_by in ("stale_wish", "bad_wish", "stale_estimate"):
                self._link.journal("safety", rule=motion.limited_by, mode=motion.mode)
        self._out.publish(
            SafeCommand(
                stamp_ns=now_ns,
                frame_id=self.params.frame_id,
                linear=motion.linear,
                yaw_rate=motion.yaw_rate,
                mode=motion.mode,
                limited_by=motion.limited_by,
            )
        )

    def state(self) -> State:
        return State(
            {
                "camera": pack(self._camera),
                "wish": pack(self._wish),
                "trust": pack(self._trust),
                "sight": self._sight.state(),
                "student_ns": self._student_ns,
                "contact_ns": self._contact_ns,
                "limited_by": self._limited_by,
            }
        )

    def load_state(self, state: State) -> None:
        meta = state.meta
        self._camera = unpack(meta["camera"], CameraInfo)
        self._wish = unpack(meta["wish"], VelocityCommand)
        self._trust = unpack(meta["trust"], Trust)
        self._sight.load_state(meta["sight"])
        self._student_ns, self._contact_ns = meta["student_ns"], meta["contact_ns"]
        self._limited_by = meta["limited_by"]
