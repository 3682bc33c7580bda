"""Messages to Rerun: into its viewer, which runs in a process of its own, or into an ``.rrd`` file."""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from selfcue.errors import BadInputError, LossError
from selfcue.measurements import CompressedImage, LaserScan, Pose, Position
from selfcue.messages import (
    CameraInfo,
    Estimate,
    Image,
    JournalEvent,
    LearnerStatus,
    Message,
    Odometry,
    PointCloud,
    Trust,
    WorldMap,
)
from selfcue.optional import require
from selfcue.view.rerun_scene import RerunScene
from selfcue.view.rerun_viewer import RerunViewer

TIMELINE = "time"
_EPOCH_NS = 10**17
"""Stamps from here on (1973) are the wall's, and shown as dates; earlier ones are seconds since a run began."""
_HELD = (CameraInfo, WorldMap)
"""What holds from its first word on, wherever the viewer's time stands."""
_PLACES = (Odometry, Pose, Position, PointCloud, LaserScan, WorldMap)
_CURVES = ("abs_rel", "auc", "hit_bound", "inside")
"""Figures of a learner between 0 and about 1; the others are there too, in curves of their own."""
MOST_WAITING = 64
_LEAVE_S, _LOOK_S = 1.0, 0.2


class RerunFeed:
    """Logs messages to Rerun.

    Args:
        title: name of the recording.
        topics: what is known to come, for the layout; empty lets Rerun lay out what comes.
        save: write to this ``.rrd`` file instead of a viewer.
        viewer: the viewer to log to.
        patient: wait for the viewer: of a log nothing need be dropped.

    Raises:
        MissingDependencyError: ``rerun-sdk`` is not installed.
        BadInputError: ``save`` cannot be written.
    """

    def __init__(
        self,
        title: str,
        *,
        topics: Mapping[str, type[Message]] | None = None,
        save: Path | None = None,
        viewer: RerunViewer | None = None,
        patient: bool = False,
    ) -> None:
        self._rr: Any = require("rerun", extra="view")
        self._scene = RerunScene(self._rr)
        self._viewer, self._save, self._patient = viewer, save, patient or viewer is None
        self._wall: bool | None = None
        self.left_out: Counter[str] = Counter()
        self.shed, self._failed = 0, ""
        self._waiting: queue.Queue[tuple[str, Message] | None] = queue.Queue(MOST_WAITING)
        self._stream = self._rr.RecordingStream("selfcue", make_default=False)
        try:
            if save is not None:
                save.parent.mkdir(parents=True, exist_ok=True)
                self._stream.save(str(save))
            elif viewer is not None:
                self._stream.connect_grpc(viewer.stream_url)
        except (OSError, RuntimeError) as error:
            raise BadInputError(f"{save or viewer}: Rerun cannot write to it ({error})") from error
        self._stream.send_recording_name(title)
        if topics:
            self._stream.send_blueprint(layout(topics))
        self._thread = threading.Thread(target=self._log_waiting, name="rerun", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where to look, in words."""
        return self._viewer.url if self._viewer is not None else str(self._save)

    @property
    def gone(self) -> bool:
        """Whether the viewer was closed."""
        return self._viewer is not None and self._viewer.gone

    def take(self, topic: str, message: Message) -> None:
        """Log one message. Of what is live, what the viewer has no time for is dropped and counted in ``shed``."""
        while not self.gone and not self._put((topic, message)):
            if not self._patient:
                self.shed += 1
                return

    def _put(self, one: tuple[str, Message]) -> bool:
        try:
            self._waiting.put(one, block=self._patient, timeout=_LOOK_S)
        except queue.Full:
            return False
        return True

    def _log_waiting(self) -> None:
        """Log what waits, on a thread of its own: Rerun's stream blocks where the viewer stalls."""
        while (one := self._waiting.get()) is not None:
            if not self._failed:
                self._try(functools.partial(self._log, *one))
        if not self.gone:
            self._try(self._stream.flush)
        self._stream.disconnect()

    def _try(self, act: Callable[[], Any]) -> None:
        """Do ``act``; what goes wrong is said by ``close``, and nothing more is logged: who feeds us must not hang."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - Rerun names no types for what its streams raise
            self._failed = str(error) or type(error).__name__

    def _log(self, topic: str, message: Message) -> None:
        drawn = self._scene.draw(topic, message)
        if drawn is None:
            self.left_out[topic] += 1  # a type that Rerun has nothing for
            return
        if self._wall is None and message.stamp_ns:
            self._wall = message.stamp_ns > _EPOCH_NS
        if self._wall:
            self._stream.set_time(TIMELINE, timestamp=np.datetime64(message.stamp_ns, "ns"))
        else:
            self._stream.set_time(TIMELINE, duration=np.timedelta64(message.stamp_ns, "ns"))
        for entity, archetype in drawn:
            self._stream.log(entity, archetype, static=isinstance(message, _HELD))

    def close(self) -> None:
        """Write what is left, and let go. A viewer that we started ends, too. May be called twice.

        Raises:
            LossError: the file could not be written to its end.
        """
        if self._viewer is None:
            self._waiting.put(None)
            self._thread.join()
            if self._failed:
                raise LossError(f"{self._save}: not all of it could be written ({self._failed})")
        else:
            with contextlib.suppress(queue.Full):
                self._waiting.put(None, timeout=_LEAVE_S)
            self._thread.join(_LEAVE_S)
            self._viewer.close()  # whatever still waits for it does no longer
            self._thread.join(_LEAVE_S)


def layout(topics: Mapping[str, type[Message]]) -> Any:
    """Return a layout for ``topics``: map, path and points; learning curves; words; pictures."""
    blueprint: Any = require("rerun.blueprint", extra="view")

    def of(*kinds: type[Message]) -> list[str]:
        return [topic for topic, kind in sorted(topics.items()) if issubclass(kind, kinds)]

    pictures, cameras = of(Image, Estimate, CompressedImage), [topic.rpartition("/")[0] for topic in of(CameraInfo)]
    flat = [f"- /{entity}/**" for entity in (*pictures, *cameras)]  # pictures are not hung up in space
    curves = [f"+ /{topic}/skill/{name}" for topic in of(LearnerStatus) for name in _CURVES]
    views = [
        [blueprint.Spatial3DView(origin="/", name="map, path, points", contents=["+ /**", *flat])] * bool(of(*_PLACES)),
        [blueprint.TimeSeriesView(origin="/", name="learning", contents=curves)] * bool(curves),
        [blueprint.TextLogView(origin="/", name="events", contents="/**")]
        * bool(of(JournalEvent, Trust, LearnerStatus)),
    ]
    grid = [blueprint.Spatial2DView(origin=topic, name=topic) for topic in pictures]
    parts = [blueprint.Vertical(*(view for part in views for view in part)), blueprint.Grid(*grid)]
    shown = [part for part, some in zip(parts, (any(views), grid), strict=True) if some]
    body = blueprint.Horizontal(*shown) if len(shown) > 1 else shown[0] if shown else blueprint.Grid()
    panels = (blueprint.SelectionPanel(state="collapsed"), blueprint.TimePanel(state="collapsed"))
    return blueprint.Blueprint(body, *panels, auto_views=not shown)
