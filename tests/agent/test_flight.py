"""The state machine, transition by transition."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from selfcue.agent.decision import Evidence
from selfcue.agent.flight import FlightMachine
from selfcue.agent.flight_config import FlightConfig
from selfcue.errors import BadInputError

TICK_NS = 25_000_000
S = 1_000_000_000

SCHEDULE = FlightConfig(mono_from_s=10.0)
PROOF = FlightConfig(policy="proof", accept_ready_fast=False)
FINE = Evidence(now_ns=0, trust="ok", student_fresh=True)
READY = replace(FINE, ready=True, ready_fast=True)
LOST: dict[str, Any] = {"trust": "lost"}


class Flight:
    """A machine and its time."""

    def __init__(self, config: FlightConfig, seed: int = 0) -> None:
        self.machine = FlightMachine(config, np.random.default_rng(seed))
        self.now_ns = 0
        self.decision: Any = None

    def go(self, seconds: float, evidence: Evidence = FINE, **changes: Any) -> Any:
        """Hold the evidence for ``seconds``; return the state at the end."""
        evidence = replace(evidence, **changes)
        for _ in range(max(1, round(seconds * 40))):
            self.decision = self.machine.step(replace(evidence, now_ns=self.now_ns))
            self.now_ns += TICK_NS
        return self.decision.state


def in_training_wheels(config: FlightConfig) -> Flight:
    flight = Flight(config)
    flight.go(10.1, READY)
    assert flight.decision.state == "MONO_TW"
    return flight


def in_mono_only(config: FlightConfig) -> Flight:
    flight = in_training_wheels(config)
    flight.go(1.0, READY, **LOST)
    assert flight.decision.state == "MONO_ONLY"
    return flight


def in_hold(config: FlightConfig) -> Flight:
    flight = in_mono_only(config)
    flight.go(0.1, READY, student_fresh=False, **LOST)
    assert flight.decision.state == "HOLD"
    return flight


# (where from, policy, what holds, for how long, where to)
STEREO, TW, ONLY, HELD = Flight, in_training_wheels, in_mono_only, in_hold
TRANSITIONS = [
    (STEREO, SCHEDULE, FINE, 9.9, "STEREO"),
    (STEREO, SCHEDULE, FINE, 10.1, "MONO_TW"),
    (STEREO, SCHEDULE, replace(FINE, student_fresh=False), 60, "STEREO"),
    (STEREO, SCHEDULE, replace(FINE, trust="suspect"), 60, "STEREO"),
    (STEREO, replace(SCHEDULE, strategy="cold-turkey"), FINE, 600, "STEREO"),
    (STEREO, replace(SCHEDULE, pilot="stereo"), FINE, 600, "STEREO"),
    (STEREO, SCHEDULE, replace(FINE, trust="lost"), 2.9, "STEREO"),  # nothing was ever seen: still starting
    (STEREO, SCHEDULE, replace(FINE, trust="lost"), 3.1, "MONO_ONLY"),
    (STEREO, SCHEDULE, replace(FINE, odometry_fresh=False), 2.9, "STEREO"),
    (STEREO, SCHEDULE, replace(FINE, odometry_fresh=False), 3.1, "HOLD"),
    (STEREO, PROOF, FINE, 600, "STEREO"),
    (STEREO, PROOF, READY, 0.1, "MONO_TW"),
    (STEREO, PROOF, replace(FINE, ready_fast=True), 600, "STEREO"),
    (STEREO, replace(PROOF, accept_ready_fast=True), replace(FINE, ready_fast=True), 0.1, "MONO_TW"),
    (STEREO, PROOF, replace(READY, trust="suspect"), 60, "STEREO"),
    (TW, SCHEDULE, FINE, 600, "MONO_TW"),
    (TW, SCHEDULE, replace(FINE, trust="lost"), 0.4, "MONO_TW"),  # given up only after half a second
    (TW, SCHEDULE, replace(FINE, trust="lost"), 0.6, "MONO_ONLY"),
    (TW, SCHEDULE, replace(FINE, student_fresh=False), 0.1, "STEREO"),
    (TW, SCHEDULE, replace(FINE, student_fresh=False, trust="suspect"), 0.1, "HOLD"),
    (TW, SCHEDULE, replace(FINE, student_fresh=False, trust="lost"), 0.6, "HOLD"),
    (TW, SCHEDULE, replace(FINE, out_of_distribution=True), 60, "MONO_TW"),  # stereo overrides: no reason to stop
    (TW, SCHEDULE, replace(FINE, odometry_fresh=False), 0.1, "HOLD"),
    (TW, PROOF, READY, 600, "MONO_TW"),
    (TW, PROOF, FINE, 0.1, "STEREO"),
    (TW, PROOF, replace(FINE, trust="suspect"), 0.1, "HOLD"),
    (TW, PROOF, replace(READY, trust="lost"), 0.6, "MONO_ONLY"),
    (TW, PROOF, replace(FINE, trust="lost"), 0.6, "HOLD"),
    (TW, PROOF, replace(READY, out_of_distribution=True), 0.9, "MONO_TW"),
    (TW, PROOF, replace(READY, out_of_distribution=True), 1.1, "STEREO"),
    (TW, PROOF, replace(READY, out_of_distribution=True, trust="suspect"), 1.1, "HOLD"),
    (ONLY, SCHEDULE, replace(FINE, trust="lost"), 600, "MONO_ONLY"),
    (ONLY, SCHEDULE, replace(FINE, trust="lost", student_fresh=False), 0.1, "HOLD"),
    (ONLY, SCHEDULE, replace(FINE, student_fresh=False), 0.1, "STEREO"),
    (ONLY, SCHEDULE, replace(FINE, trust="lost", out_of_distribution=True), 0.9, "MONO_ONLY"),
    (ONLY, SCHEDULE, replace(FINE, trust="lost", out_of_distribution=True), 1.1, "HOLD"),
    (ONLY, SCHEDULE, replace(FINE, agreement=True), 9.9, "MONO_ONLY"),
    (ONLY, SCHEDULE, replace(FINE, agreement=True), 10.1, "MONO_TW"),
    (ONLY, SCHEDULE, replace(FINE, agreement=False), 60, "MONO_ONLY"),
    (ONLY, SCHEDULE, replace(FINE, agreement=True, trust="suspect"), 60, "MONO_ONLY"),
    (ONLY, SCHEDULE, replace(FINE, trust="lost", odometry_fresh=False), 0.1, "HOLD"),
    (ONLY, PROOF, replace(FINE, trust="lost"), 600, "MONO_ONLY"),  # frozen: readiness is not proved anew
    (HELD, SCHEDULE, replace(FINE, trust="lost", student_fresh=False), 19.8, "HOLD"),
    (HELD, SCHEDULE, replace(FINE, trust="lost", student_fresh=False), 20.2, "LAND"),
    (HELD, SCHEDULE, FINE, 0.9, "HOLD"),
    (HELD, SCHEDULE, FINE, 1.2, "MONO_TW"),  # by way of STEREO: the schedule goes on
    (HELD, replace(SCHEDULE, mono_from_s=9.0), replace(FINE, student_fresh=False), 1.2, "STEREO"),
    (HELD, SCHEDULE, replace(FINE, trust="lost"), 1.2, "MONO_ONLY"),
    (HELD, SCHEDULE, replace(FINE, trust="suspect"), 19, "HOLD"),
    (HELD, SCHEDULE, replace(FINE, trust="lost", out_of_distribution=True), 5, "HOLD"),
    (HELD, SCHEDULE, replace(FINE, odometry_fresh=False), 19, "HOLD"),
    (HELD, PROOF, replace(FINE, trust="lost"), 5, "HOLD"),
    (HELD, PROOF, replace(READY, trust="lost"), 1.2, "MONO_ONLY"),
]


@pytest.mark.parametrize(("start", "config", "evidence", "seconds", "ends"), TRANSITIONS)
def test_transition(start: Any, config: Any, evidence: Any, seconds: Any, ends: Any) -> None:
    flight = start(config)
    assert flight.go(seconds, evidence) == ends


def test_landing_is_final() -> None:
    flight = in_hold(SCHEDULE)
    flight.go(21, READY, student_fresh=False, **LOST)
    assert flight.go(60, READY) == "LAND"
    assert flight.decision.flyer == "none"


def test_stereo_lost_after_it_was_there_hands_over_at_once() -> None:
    flight = Flight(SCHEDULE)
    flight.go(5.0)
    assert flight.go(0.025, **LOST) == "MONO_ONLY"
    without = Flight(PROOF)
    without.go(5.0)
    assert without.go(0.025, **LOST) == "HOLD"
    assert "not ready" in without.decision.reason
    alone = Flight(replace(SCHEDULE, pilot="stereo"))
    alone.go(5.0)
    assert alone.go(0.025, **LOST) == "HOLD"


def test_cold_turkey_returns_to_stereo_not_to_training_wheels() -> None:
    flight = Flight(replace(SCHEDULE, strategy="cold-turkey"))
    flight.go(5.0)
    flight.go(1.0, **LOST)
    assert flight.decision.state == "MONO_ONLY"
    assert flight.go(10.2, agreement=True) == "STEREO"


def test_overrides_take_readiness_away_and_keep_it_away() -> None:
    flight = in_training_wheels(PROOF)
    flight.machine.note_override(flight.now_ns)
    assert flight.go(5, READY) == "MONO_TW"
    flight.machine.note_override(flight.now_ns)
    assert flight.go(0.1, READY) == "STEREO"
    assert flight.go(59, READY) == "STEREO"
    assert flight.go(2, READY) == "MONO_TW"


def test_overrides_far_apart_do_not() -> None:
    flight = in_training_wheels(PROOF)
    for _ in range(4):
        flight.machine.note_override(flight.now_ns)
        assert flight.go(31, READY) == "MONO_TW"


def test_a_short_loss_of_trust_only_slows() -> None:
    flight = in_training_wheels(SCHEDULE)
    assert flight.decision.speed_share == 1.0
    flight.go(0.3, **LOST)
    assert (flight.decision.state, flight.decision.speed_share) == ("MONO_TW", 0.5)
    flight.go(0.1)
    flight.go(0.4, **LOST)  # the half second begins anew
    assert flight.decision.state == "MONO_TW"


def test_speeds() -> None:
    flight = Flight(replace(SCHEDULE, mono_speed_share=0.7))
    flight.go(1.0, trust="suspect")
    assert flight.decision.speed_share == 0.5
    flight.go(10.0)
    assert flight.decision.speed_share == 1.0
    flight.go(1.0, **LOST)
    assert flight.decision.speed_share == 0.7
    fast = Flight(replace(PROOF, accept_ready_fast=True))
    fast.go(1.0, ready_fast=True)
    assert (fast.decision.state, fast.decision.speed_share) == ("MONO_TW", 0.5)


def test_nobody_flies_before_anything_was_seen() -> None:
    flight = Flight(SCHEDULE)
    flight.go(1.0, **LOST)
    assert (flight.decision.state, flight.decision.flyer) == ("STEREO", "none")
    flight.go(0.1)
    assert flight.decision.flyer == "trusted"


def test_dagger_hands_over_more_and_more() -> None:
    def share_of_student(rounds: range, seed: int) -> float:
        flight = Flight(replace(SCHEDULE, strategy="dagger"), seed)
        states = []
        for _ in range(rounds.stop):
            flight.go(9.9)
            states.append(flight.decision.state)
            flight.go(0.1)
        return float(np.mean([states[i] == "MONO_TW" for i in rounds]))

    early = np.mean([share_of_student(range(4), seed) for seed in range(5)])
    late = np.mean([share_of_student(range(26, 30), seed) for seed in range(5)])
    assert early < 0.4
    assert late > 0.8
    assert share_of_student(range(1), 3) == 0.0  # the first round is the teacher's: beta ** 0 = 1


def test_dagger_draws_from_its_generator_only() -> None:
    flights = [Flight(replace(SCHEDULE, strategy="dagger"), seed) for seed in (1, 1, 2)]
    states = [[flight.go(10.0) for _ in range(30)] for flight in flights]
    assert states[0] == states[1] != states[2]


def test_a_saved_machine_continues_bit_for_bit() -> None:
    script: list[tuple[float, Evidence, dict[str, Any]]] = [
        (8.0, FINE, {}),
        (3.3, FINE, {"trust": "suspect"}),
        (9.0, FINE, {}),
        (0.3, FINE, LOST),
        (7.0, FINE, LOST),
        (6.0, FINE, {"agreement": True}),
        (6.0, FINE, {"agreement": True}),
        (15.0, FINE, {"student_fresh": False, "trust": "lost"}),
        (9.0, FINE, {"student_fresh": False, "trust": "lost"}),
    ]
    config = replace(SCHEDULE, strategy="dagger")
    for cut in range(1, len(script)):
        whole, other = Flight(config, 4), Flight(config, 4)
        for seconds, evidence, changes in script[:cut]:
            whole.go(seconds, evidence, **changes)
            other.go(seconds, evidence, **changes)
        resumed = Flight(config, 99)
        resumed.machine.load_state(json.loads(json.dumps(other.machine.state())))
        resumed.machine._generator.bit_generator.state = other.machine._generator.bit_generator.state
        resumed.now_ns = other.now_ns
        for seconds, evidence, changes in script[cut:]:
            assert resumed.go(seconds, evidence, **changes) == whole.go(seconds, evidence, **changes)
            assert resumed.decision == whole.decision
        assert resumed.machine.state() == whole.machine.state()


@pytest.mark.parametrize(
    "change",
    [{"mono_from_s": -1.0}, {"beta": 1.5}, {"round_s": 0.0}, {"mono_speed_share": 2.0}, {"lost_for_s": float("nan")}],
)
def test_settings_that_make_no_sense_are_refused(change: Any) -> None:
    with pytest.raises(BadInputError, match=next(iter(change))):
        replace(SCHEDULE, **change)
