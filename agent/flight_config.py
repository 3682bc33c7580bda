"""Settings of the state machine: who may fly, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from selfcue.errors import BadInputError

Strategy: TypeAlias = Literal["training-wheels", "dagger", "cold-turkey"]
Policy: TypeAlias = Literal["schedule", "proof"]
Pilot: TypeAlias = Literal["student", "stereo", "blind", "constant", "random_turner"]


@dataclass(frozen=True)
class FlightConfig:
    """Who flies when.

    Attributes:
        strategy: ``training-wheels``: the student flies from the switch on, stereo overrides it. ``dagger``: in rounds
            of ``round_s`` stereo flies with probability ``beta ** round``, else the student, overridden by stereo.
            ``cold-turkey``: stereo flies until it is lost, then the student alone.
        policy: ``schedule``: training wheels begin at ``mono_from_s``, and a lost stereo hands over to the student as
            it is; for simulation. ``proof``: only a student that the engine proved ready flies; for real vehicles.
        pilot: who decides in the student's place; all but ``student`` are controls. ``stereo``: stereo always flies.
            ``blind``: the way always looks free. ``constant``: everything looks ``constant_depth_m`` away.
            ``random_turner``: the way looks free but for turns at random times.
        mono_from_s: schedule: seconds after the start from which the student flies.
        accept_ready_fast: proof: fly at ``cautious_speed_share`` on the weaker proof READY_FAST.
        mono_speed_share: share of the speed in MONO_ONLY. The method's card gives 0.7.
        cautious_speed_share: share of the speed while the trusted cue is suspect or just lost, or on READY_FAST.
        round_s, beta: DAgger's rounds.
        lost_for_s: MONO_TW: a lost trusted cue is given up after this time.
        return_after_s: MONO_ONLY: a trusted cue that is ok and agrees for this long overrides again.
        recover_after_s: HOLD: a cue must be back for this long.
        land_after_s: HOLD: and where none comes back within this time, land.
        out_of_distribution_for_s: how long the engine must say so before the student is not relied upon.
        override_free_s, unready_window_s: proof: no override for the first to become ready; two overrides within the
            second end it.
        start_up_s: how long to wait for the first pose and the trusted cue's first word before they count as lost.
        constant_depth_m: what the control pilot ``constant`` sees.
        random_turn_every_s: mean time between the turns of the control pilot ``random_turner``.
    """

    strategy: Strategy = "training-wheels"
    policy: Policy = "schedule"
    pilot: Pilot = "student"
    mono_from_s: float = 30.0
    accept_ready_fast: bool = True
    mono_speed_share: float = 1.0
    cautious_speed_share: float = 0.5
    round_s: float = 10.0
    beta: float = 0.9
    lost_for_s: float = 0.5
    return_after_s: float = 10.0
    recover_after_s: float = 1.0
    land_after_s: float = 20.0
    out_of_distribution_for_s: float = 1.0
    override_free_s: float = 60.0
    unready_window_s: float = 30.0
    start_up_s: float = 3.0
    constant_depth_m: float = 2.0
    random_turn_every_s: float = 3.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, float | int) and not (math.isfinite(value) and value >= 0):
                raise BadInputError(f"flight setting {name} must be a finite number, 0 or more, got {value}")
        for name in ("round_s", "constant_depth_m", "random_turn_every_s"):
            if getattr(self, name) == 0:
                raise BadInputError(f"flight setting {name} must be above 0")
        for name in ("beta", "mono_speed_share", "cautious_speed_share"):
            if getattr(self, name) > 1:
                raise BadInputError(f"flight setting {name} must be at most 1, got {getattr(self, name)}")
