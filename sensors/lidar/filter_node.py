"""The node that filters clouds of any source: live, of a log, or simulated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import Imu, JournalEvent, Message, Odometry, PointCloud, Quaternion, Vector3
from selfcue.node import Link, Node
from selfcue.sensors.lidar.chain import Step, apply_steps
from selfcue.sensors.lidar.deskew import SLACK_NS, deskew, span_ns
from selfcue.sensors.lidar.motion import Motion
from selfcue.sensors.message_state import messages_from_state, messages_to_state
from selfcue.state import State, generator_from, generator_state
from selfcue.transforms import Transform

_KEEP_NS = 2_000_000_000


@dataclass(frozen=True)
class LidarFilterParams:
    """Settings of the filter.

    Attributes:
        input, output: topics of clouds.
        steps: what is done, in order, after the deskew.
        deskew: by a gyroscope, by odometry, or not at all.
        motion_topic: of that gyroscope (Imu) or odometry (Odometry).
        mount_m, mount_rotation: the LiDAR's place (and rotation x, y, z, w) in the frame of what moves.
        wait_s: so long a cloud waits for its motion; then it goes on as it is and is counted.
        seed: of the ground's trials.
    """

    input: str = "lidar/points"
    output: str = "lidar/filtered"
    steps: tuple[Step, ...] = ()
    deskew: Literal["", "gyro", "odometry"] = ""
    motion_topic: str = ""
    mount_m: Vector3 = (0.0, 0.0, 0.0)
    mount_rotation: Quaternion = (0.0, 0.0, 0.0, 1.0)
    wait_s: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.input or not self.output or self.input == self.output:
            raise ValueError(f"input {self.input!r} and output {self.output!r} must be two topics")
        if bool(self.deskew) != bool(self.motion_topic):
            raise ValueError(f"deskew {self.deskew!r} and motion_topic {self.motion_topic!r} belong together")
        if self.wait_s <= 0:
            raise ValueError(f"wait_s is {self.wait_s}; it must be above 0")


class LidarFilterNode(Node):
    """Topic in: ``input`` (PointCloud), and ``motion_topic`` where clouds are deskewed. Out: ``output`` (PointCloud).

    Every cloud comes out, with its own stamp: one whose motion did not come in time, and one without times, skewed;
    these are counted in the journal at the end.
    """

    Params = LidarFilterParams
    params: LidarFilterParams

    def __init__(self, name: str, params: LidarFilterParams) -> None:
        super().__init__(name, params)
        self._rng = np.random.default_rng(params.seed)
        self._mount = Transform(params.mount_m, params.mount_rotation)
        self._clouds: list[PointCloud] = []
        self._moves: list[Message] = []
        self._counts = {"clouds": 0, "not_deskewed": 0}

    def configure(self, link: Link) -> None:
        self._link = link
        self._out = link.advertise(self.params.output, PointCloud)
        link.subscribe(self.params.input, PointCloud, self._take, keep=8)
        if self.params.deskew == "gyro":
            link.subscribe(self.params.motion_topic, Imu, self._moved, keep=0)
        elif self.params.deskew == "odometry":
            link.subscribe(self.params.motion_topic, Odometry, self._moved, keep=0)

    def jumped(self, jump: JournalEvent) -> None:  # noqa: ARG002 - what waits belongs to another time
        self._clouds, self._moves = [], []

    def _moved(self, message: Message) -> None:
        if self._moves and message.stamp_ns <= self._moves[-1].stamp_ns:
            return  # late: motion is put together in order
        self._moves.append(message)
        oldest_ns = min([message.stamp_ns, *(cloud.stamp_ns for cloud in self._clouds)]) - _KEEP_NS
        if self._moves[0].stamp_ns < oldest_ns - _KEEP_NS:
            self._moves = [one for one in self._moves if one.stamp_ns >= oldest_ns]
        self._go_on(message.stamp_ns)

    def _take(self, cloud: PointCloud) -> None:
        self._clouds.append(cloud)
        self._go_on(cloud.stamp_ns)

    def step(self, now_ns: int) -> None:
        self._go_on(now_ns)

    def _go_on(self, now_ns: int) -> None:
        """Send on the clouds that need not wait any more."""
        while self._clouds:
            cloud = self._clouds[0]
            if self.params.deskew and cloud.time_s is not None:
                covered = bool(self._moves) and self._moves[-1].stamp_ns + SLACK_NS >= span_ns(cloud)[1]
                if not covered and now_ns - cloud.stamp_ns < self.params.wait_s * 1e9:
                    return
            self._clouds.pop(0)
            self._counts["clouds"] += 1
            self._out.publish(apply_steps(self._straight(cloud), self.params.steps, self._rng))

    def _straight(self, cloud: PointCloud) -> PointCloud:
        if not self.params.deskew:
            return cloud
        first_ns = cloud.stamp_ns - _KEEP_NS // 4
        moves = [one for one in self._moves if one.stamp_ns >= first_ns]
        try:
            if self.params.deskew == "gyro":
                motion = Motion.from_gyro([one for one in moves if isinstance(one, Imu)])
            else:
                motion = Motion.from_odometry([one for one in moves if isinstance(one, Odometry)])
            return deskew(cloud, motion, self._mount)
        except BadInputError as error:
            self._counts["not_deskewed"] += 1
            if self._counts["not_deskewed"] == 1:
                self.log.warning("not deskewed: %s", error)
            return cloud

    def deactivate(self) -> None:
        self._link.journal("lidar_filter", output=self.params.output, **self._counts)

    def state(self) -> State:
        return State({"generator": generator_state(self._rng), "counts": self._counts}).nested(
            clouds=messages_to_state(self._clouds), moves=messages_to_state(self._moves)
        )

    def load_state(self, state: State) -> None:
        self._rng = generator_from(state.meta["generator"])
        self._counts = dict(state.meta["counts"])
        clouds = messages_from_state(state.part("clouds"))
        self._clouds = [one for one in clouds if isinstance(one, PointCloud)]
        self._moves = messages_from_state(state.part("moves"))
