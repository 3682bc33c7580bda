"""The stereo node: image pairs in, the trusted cue's inverse depth and its trust out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Estimate, Image, JournalEvent, Trust
from selfcue.node import Link, Node
from selfcue.sensors.calibration import StereoGeometry, stereo_geometry
from selfcue.sensors.message_state import messages_from_state, messages_to_state
from selfcue.sensors.stereo.matcher import StereoMatcher, image_array
from selfcue.sensors.stereo.matcher_config import MatcherConfig
from selfcue.sensors.stereo.trust import Side, StereoTrustMonitor
from selfcue.sensors.stereo.watch_config import WatchConfig
from selfcue.sensors.synchroniser import SyncConfig, Synchroniser
from selfcue.state import State

_CALIBRATION_GRACE_S = 2.0


@dataclass(frozen=True)
class StereoParams:
    """Settings of the stereo node.

    Attributes:
        pairing: ``stamp`` for simulated or stamped cameras, ``trigger`` for a rig that triggers both together but
            stamps at arrival (KITTI).
        max_gap_ms: with ``stamp``: a pair whose stamps lie further apart is dropped.
        camera_hz: rate at which frames are expected; sets when a camera counts as dead.
        matcher: settings of the matcher.
        watch: limits of the fault detectors; its ``camera_hz`` is replaced by the one above.
    """

    pairing: Literal["trigger", "stamp"] = "stamp"
    max_gap_ms: float = 2.0
    camera_hz: float = 20.0
    matcher: MatcherConfig = field(default_factory=MatcherConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)

    def __post_init__(self) -> None:
        if self.camera_hz <= 0:
            raise ValueError(f"camera_hz is {self.camera_hz}; it must be above 0")
        self.sync_config()

    def sync_config(self) -> SyncConfig:
        """Return how left and right are paired. Raises ValueError where the settings contradict each other."""
        return SyncConfig(
            inputs=("left", "right"),
            pairing=self.pairing,
            max_gap_ms=self.max_gap_ms,
            period_ms=1000.0 / self.camera_hz,
        )


class StereoNode(Node):
    """Topics in: ``stereo/{left,right}/image`` (Image rgb8 or mono8, rectified) and ``.../camera_info`` (CameraInfo).

    Topics out: ``depth/trusted`` (Estimate of ``inverse_depth_per_m`` at full camera resolution, stamped like the left
    image; ``confidence`` is the mean c* over all pixels) for each pair, and ``trust/stereo`` (Trust) for each pair and,
    while no pairs come, at the camera's rate.
    """

    Params = StereoParams
    params: StereoParams

    def __init__(self, name: str, params: StereoParams) -> None:
        super().__init__(name, params)
        self._sync: Synchroniser[Image] = Synchroniser(params.sync_config())
        self._monitor = StereoTrustMonitor(replace(params.watch, camera_hz=params.camera_hz))
        self._infos: dict[Side, CameraInfo] = {}
        self._geometry: StereoGeometry | None = None
        self._matcher: StereoMatcher | None = None
        self._uncalibrated_since_ns: int | None = None
        self._judged_ns: int | None = None

    def configure(self, link: Link) -> None:
        self._link = link
        self._depth = link.advertise("depth/trusted", Estimate)
        self._trust = link.advertise("trust/stereo", Trust)
        link.subscribe("stereo/left/camera_info", CameraInfo, lambda info: self._take_info("left", info), keep=1)
        link.subscribe("stereo/right/camera_info", CameraInfo, lambda info: self._take_info("right", info), keep=1)
        link.subscribe("stereo/left/image", Image, lambda image: self._take_image("left", image), keep=4)
        link.subscribe("stereo/right/image", Image, lambda image: self._take_image("right", image), keep=4)

    def jumped(self, jump: JournalEvent) -> None:  # noqa: ARG002 - any jump parts what waits from what comes
        self._sync.begin_anew()

    def step(self, now_ns: int) -> None:
        """Notice that frames or pairs stopped."""
        if self._judged_ns is None:
            self._judged_ns = now_ns
        if now_ns - self._judged_ns >= 1.5e9 / self.params.camera_hz:
            self._judge(self._monitor.check(now_ns))

    def deactivate(self) -> None:
        self._link.journal("pairing", text=self._sync.explain(), **self._sync.counts)

    def _take_info(self, side: Side, info: CameraInfo) -> None:
        known = self._infos.get(side)
        self._infos[side] = info
        if known is not None and (known.width, known.height, known.p) == (info.width, info.height, info.p):
            return  # ROS drivers send it with every image
        if len(self._infos) == 2:
            self._geometry = stereo_geometry(self._infos["left"], self._infos["right"])
            self._matcher = StereoMatcher(self._geometry.width, self._geometry.height, self.params.matcher)

    def _take_image(self, side: Side, image: Image) -> None:
        self._check_image(side, image)
        self._monitor.saw(side, image.stamp_ns, image_array(image, f"stereo/{side}/image"))
        for group in self._sync.add(side, image):
            self._take_pair(group["left"], group["right"])

    def _check_image(self, side: Side, image: Image) -> None:
        info = self._infos.get(side)
        if info is not None and (image.width, image.height) != (info.width, info.height):
            raise BadInputError(
                f"stereo/{side}/image is {image.width} x {image.height} px, its camera_info says "
                f"{info.width} x {info.height} px; calibrate for the size that the camera sends"
            )
        if len(self._infos) == 2:
            return
        if self._uncalibrated_since_ns is None:
            self._uncalibrated_since_ns = image.stamp_ns
        waited_s = (image.stamp_ns - self._uncalibrated_since_ns) * 1e-9
        if waited_s > _CALIBRATION_GRACE_S:
            missing = " and ".join(f"stereo/{s}/camera_info" for s in ("left", "right") if s not in self._infos)
            raise BadInputError(
                f"images came for {waited_s:.1f} s but no calibration: nothing on {missing}; "
                "have the camera driver or the log publish it"
            )

    def _take_pair(self, left: Image, right: Image) -> None:
        if self._matcher is None or self._geometry is None:
            return
        grays = [self._matcher.gray(image.data) for image in (left, right)]
        match = self._matcher.match(*grays)
        depth = self._matcher.inverse_depth(match, self._geometry)
        self._depth.publish(
            Estimate(
                stamp_ns=left.stamp_ns,
                frame_id=left.frame_id,
                cue="trusted",
                quantity="inverse_depth_per_m",
                value=depth.value,
                lower=depth.lower,
                upper=depth.upper,
                valid=depth.valid,
                confidence=float(match.confidence.mean(dtype=np.float64)),
                model_id=self.params.matcher.algorithm,
            )
        )
        self._judge(self._monitor.update(left.stamp_ns, grays[0], grays[1], match))

    def _judge(self, trust: Trust) -> None:
        self._judged_ns = trust.stamp_ns
        self._trust.publish(trust)

    def state(self) -> State:
        sides = sorted(self._infos)
        return State(
            {
                "infos": sides,
                "uncalibrated_since_ns": self._uncalibrated_since_ns,
                "judged_ns": self._judged_ns,
            }
        ).nested(
            sync=self._sync.state(),
            monitor=self._monitor.state(),
            calibration=messages_to_state([self._infos[side] for side in sides]),
        )

    def load_state(self, state: State) -> None:
        for side, info in zip(state.meta["infos"], messages_from_state(state.part("calibration")), strict=True):
            if not isinstance(info, CameraInfo):
                raise BadInputError(f"the saved state holds a {type(info).__name__} as calibration")
            self._take_info(side, info)
        self._uncalibrated_since_ns = state.meta["uncalibrated_since_ns"]
        self._judged_ns = state.meta["judged_ns"]
        self._sync.load_state(state.part("sync"))
        self._monitor.load_state(state.part("monitor"))
