"""What the state machine is told at each tick, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from selfcue.messages import TrustLevel

FlightState: TypeAlias = Literal["STEREO", "MONO_TW", "MONO_ONLY", "HOLD", "LAND"]
Flyer: TypeAlias = Literal["trusted", "student", "none"]


@dataclass(frozen=True)
class Evidence:
    """What is known at one tick.

    Attributes:
        now_ns: the system's time.
        trust: of the trusted cue; ``lost`` as well where its estimates stopped coming.
        student_fresh: the student's estimates keep coming.
        odometry_fresh: the pose keeps coming.
        ready, ready_fast: proved by the engine (``LearnerStatus``), False where its status stopped coming.
        out_of_distribution: the engine says that the student sees what it has not learned.
        agreement: student and trusted cue agree on what is in the way.
    """

    now_ns: int
    trust: TrustLevel
    student_fresh: bool
    odometry_fresh: bool = True
    ready: bool = False
    ready_fast: bool = False
    out_of_distribution: bool = False
    agreement: bool = False


@dataclass(frozen=True)
class Decision:
    """What the machine decided: its state, which cue's score drives, and the share of the speed that it grants."""

    state: FlightState
    flyer: Flyer
    speed_share: float
    changed: bool
    reason: str
