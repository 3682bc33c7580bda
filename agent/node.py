"""The node that flies: estimates, trust, pose and contacts in; a velocity wish, a status and a journal out."""

from __future__ import annotations

import numpy as np

from selfcue.agent.decision import Decision, Evidence
from selfcue.agent.drive import Driver
from selfcue.agent.flight import FlightMachine
from selfcue.agent.motion import Motion, Pose
from selfcue.agent.node_params import FlightAgentParams
from selfcue.agent.pilot import Pilot
from selfcue.agent.saved import pack, unpack
from selfcue.agent.sight import CueSight, camera_of
from selfcue.agent.tally import Tally
from selfcue.messages import (
    AgentStatus,
    CameraInfo,
    Contact,
    Estimate,
    LearnerStatus,
    Odometry,
    Trust,
    TrustLevel,
    VelocityCommand,
)
from selfcue.node import Link, Node, Publisher
from selfcue.state import State, generator_from, generator_state

_NS = 1_000_000_000


class FlightAgentNode(Node):
    """Flies by whichever cue the state machine says.

    In: ``depth/trusted``, ``depth/student``, ``depth/status``, ``trust/stereo``, ``odom``, ``contact``,
    ``stereo/left/camera_info``. Out: ``cmd/wish`` every tick; ``agent/status`` twice a second and at every change;
    ``journal`` with the kinds ``mode``, ``override``, ``miss`` and ``collision``.

    The engine's ``LearnerStatus`` says that the student sees what it has not learned by ``skill["ood"] >= 0.5``.
    """

    Params = FlightAgentParams
    params: FlightAgentParams

    def __init__(self, name: str, params: FlightAgentParams) -> None:
        super().__init__(name, params)
        sight = params.sight
        self._generator = np.random.default_rng(params.seed)
        self._machine = FlightMachine(params, self._generator)
        self._driver = Driver(params.drive, self._generator)
        self._pilot = Pilot(params, self._generator)
        self._trusted = CueSight(sight)
        self._student = CueSight(sight, sight.student_pessimism, sight.scalar_pessimism)
        self._tally = Tally(params.drive.turn_distance_m, params.drive.override_distance_m)
        self._camera: CameraInfo | None = None
        self._trust: Trust | None = None
        self._status: LearnerStatus | None = None
        self._odometry: Odometry | None = None
        self._contacts: list[Contact] = []
        self._overriding = False
        self._phase = "start"
        self._told: tuple[str, str, int] = ("", "", 0)  # state, phase and time of the last status

    def configure(self, link: Link) -> None:
        self._link = link
        self._wish: Publisher[VelocityCommand] = link.advertise("cmd/wish", VelocityCommand)
        self._status_out: Publisher[AgentStatus] = link.advertise("agent/status", AgentStatus)
        link.subscribe("stereo/left/camera_info", CameraInfo, self._on_camera)
        link.subscribe("depth/trusted", Estimate, self._on_trusted, keep=1)
        link.subscribe("depth/student", Estimate, self._on_student, keep=1)
        link.subscribe("depth/status", LearnerStatus, self._on_learner, keep=1)
        link.subscribe("trust/stereo", Trust, self._on_trust, keep=1)
        link.subscribe("odom", Odometry, self._on_odometry, keep=1)
        link.subscribe("contact", Contact, self._on_contact)

    def _on_camera(self, info: CameraInfo) -> None:
        self._camera = info

    def _on_trusted(self, estimate: Estimate) -> None:
        if self._camera is not None:
            self._trusted.take(estimate, camera_of(self._camera))

    def _on_student(self, estimate: Estimate) -> None:
        if self._camera is not None:
            self._student.take(estimate, camera_of(self._camera))

    def _on_learner(self, status: LearnerStatus) -> None:
        self._status = status

    def _on_trust(self, trust: Trust) -> None:
        self._trust = trust

    def _on_odometry(self, odometry: Odometry) -> None:
        self._odometry = odometry

    def _on_contact(self, contact: Contact) -> None:
        self._contacts.append(contact)

    def step(self, now_ns: int) -> None:
        evidence = self._evidence(now_ns)
        before = self._machine.current
        decision = self._machine.step(evidence)
        if decision.changed:
            self._overriding = False
            self._tally.count("mode_changes")
            self._link.journal("mode", previous=before, state=decision.state, reason=decision.reason)
        self._take_contacts(now_ns, decision)
        motion = self._fly(now_ns, decision, evidence)
        self._publish(now_ns, decision, motion)

    def _evidence(self, now_ns: int) -> Evidence:
        params = self.params
        status = self._status
        if status is not None and now_ns - status.stamp_ns > params.status_fresh_s * _NS:
            status = None
        trust: TrustLevel = "suspect" if self._trust is None else self._trust.level
        if not self._trusted.fresh(now_ns, params.fresh_s):
            trust = "lost"
        stop_at = params.drive.turn_distance_m
        student_fresh = self._student.fresh(now_ns, params.fresh_s)
        return Evidence(
            now_ns=now_ns,
            trust=trust,
            student_fresh=student_fresh or not self._pilot.looks,
            odometry_fresh=self._odometry is not None and now_ns - self._odometry.stamp_ns <= params.fresh_s * _NS,
            ready=status is not None and status.ready,
            ready_fast=status is not None and status.ready_fast,
            out_of_distribution=status is not None and self._pilot.looks and status.skill.get("ood", 0.0) >= 0.5,
            agreement=student_fresh and (self._student.score * stop_at >= 1) == (self._trusted.score * stop_at >= 1),
        )

    def _take_contacts(self, now_ns: int, decision: Decision) -> None:
        for contact in self._contacts:
            trusted = self._trusted.largest(now_ns) if self._trusted.fresh(now_ns, self.params.fresh_s) else None
            detail = self._tally.collision(decision.state, self._phase, trusted, self._student.largest(now_ns))
            self._link.journal("collision", what=contact.with_what, **detail)
            if self._odometry is not None:
                self._driver.bump(now_ns, Pose.of(self._odometry))
            self._overriding = False
        self._contacts = []

    def _fly(self, now_ns: int, decision: Decision, evidence: Evidence) -> Motion | None:
        """Return the driver's motion; None where nobody flies."""
        if decision.flyer == "none" or self._odometry is None:
            return None
        pose = Pose.of(self._odometry)
        if decision.flyer == "trusted":
            return self._driver.step(now_ns, self._trusted.score, pose, decision.speed_share)
        if evidence.trust == "lost":
            self._overriding = False
        if self._overriding:
            motion = self._driver.step(now_ns, self._trusted.score, pose, decision.speed_share)
            self._overriding = not self._driver.advancing  # by stereo until free, then the student again
            return motion
        if self._driver.advancing and self._pilot.turns_now(now_ns):
            self._driver.turn_away()
        score = self._pilot.score(self._student.score)
        motion = self._driver.step(now_ns, score, pose, decision.speed_share)
        near = self._trusted.score * self.params.drive.override_distance_m >= 1.0
        if decision.state == "MONO_TW" and near and motion.forward_m_s > 0 and evidence.trust != "lost":
            return self._override(now_ns, score)
        return motion

    def _override(self, now_ns: int, student_score: float) -> Motion:
        """Stereo sees something imminent where the student flies on: stop, and turn by stereo until free."""
        self._overriding = True
        missed, detail = self._tally.override(self._trusted.score, student_score)
        self._machine.note_override(now_ns)
        self._link.journal("override", phase=self._driver.action, **detail)
        if missed:
            self._link.journal("miss", phase=self._driver.action, **detail)
        if self._driver.advancing:
            self._driver.turn_away()
        return Motion(0.0, 0.0, self._driver.action)

    def _publish(self, now_ns: int, decision: Decision, motion: Motion | None) -> None:
        params = self.params
        forward, yaw_rate, phase = 0.0, 0.0, decision.state.lower()
        if motion is not None:
            forward, yaw_rate, phase = motion.forward_m_s, motion.yaw_rate_rad_s, motion.action
            phase = f"override {phase}" if self._overriding else phase
        elif decision.state == "STEREO":
            phase = "start"
        elif decision.state == "HOLD" and "distribution" in decision.reason:
            yaw_rate = params.look_round_rad_s
        up = -params.land_speed_m_s if decision.state == "LAND" else 0.0
        self._phase = phase
        self._wish.publish(
            VelocityCommand(
                stamp_ns=now_ns,
                frame_id=params.frame_id,
                linear=(forward, 0.0, up),
                yaw_rate=yaw_rate,
                mode=decision.state,
                reason=f"{phase}: {decision.reason}",
            )
        )
        state, told_phase, told_ns = self._told
        due = now_ns - told_ns >= params.status_every_s * _NS
        if due or (state, told_phase) != (decision.state, phase):
            self._told = (decision.state, phase, now_ns)
            self._status_out.publish(
                AgentStatus(
                    stamp_ns=now_ns,
                    state=decision.state,
                    phase=phase,
                    counts=dict(self._tally.counts),
                    reason=decision.reason,
                )
            )

    def state(self) -> State:
        return State(
            {
                "generator": generator_state(self._generator),
                "machine": self._machine.state(),
                "driver": self._driver.state(),
                "pilot": self._pilot.state(),
                "trusted": self._trusted.state(),
                "student": self._student.state(),
                "counts": dict(self._tally.counts),
                "camera": pack(self._camera),
                "trust": pack(self._trust),
                "status": pack(self._status),
                "odometry": pack(self._odometry),
                "contacts": [pack(contact) for contact in self._contacts],
                "overriding": self._overriding,
                "phase": self._phase,
                "told": list(self._told),
            }
        )

    def load_state(self, state: State) -> None:
        meta = state.meta
        # One generator serves machine, driver and pilot: it must stay the same object.
        self._generator.bit_generator.state = generator_from(meta["generator"]).bit_generator.state
        self._machine.load_state(meta["machine"])
        self._driver.load_state(meta["driver"])
        self._pilot.load_state(meta["pilot"])
        self._trusted.load_state(meta["trusted"])
        self._student.load_state(meta["student"])
        self._tally.counts = dict(meta["counts"])
        self._camera = unpack(meta["camera"], CameraInfo)
        self._trust = unpack(meta["trust"], Trust)
        self._status = unpack(meta["status"], LearnerStatus)
        self._odometry = unpack(meta["odometry"], Odometry)
        contacts = (unpack(contact, Contact) for contact in meta["contacts"])
        self._contacts = [contact for contact in contacts if contact is not None]
        self._overriding, self._phase = meta["overriding"], meta["phase"]
        self._told = (meta["told"][0], meta["told"][1], meta["told"][2])
