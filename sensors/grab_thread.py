"""The thread that takes frames from a camera, stamps them at once, and keeps the newest few."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from selfcue.sensors.camera import Camera, RgbImage


@dataclass(frozen=True)
class Frame:
    """One grabbed frame: stamp at grab on the system's clock, count from 0, (H, W, 3) uint8 RGB."""

    stamp_ns: int
    number: int
    pixels: RgbImage


class GrabThread:
    """Owns an opened camera and reads it until told to stop, so that no frame ages in a driver's queue.

    Sources without a pace of their own (files, folders) are read at ``fps``; ``fps`` 0 reads on whenever there is room.

    Args:
        camera: opened; closed by this thread's ``stop``.
        now_ns: the system's clock; called from this thread.
        fps: pace of files and folders [Hz].
        keep: frames that wait for ``take``; past it a paced camera loses the oldest (counted), a file is held up.
    """

    def __init__(self, camera: Camera, now_ns: Callable[[], int], *, fps: float = 0.0, keep: int = 4) -> None:
        self._camera, self._now_ns, self._fps, self._keep = camera, now_ns, fps, keep
        self._frames: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._ended = False
        self._error: BaseException | None = None
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name=f"grab {camera.config.source}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take(self, timeout_s: float = 0.0) -> list[Frame]:
        """Return the waiting frames, oldest first, after waiting up to ``timeout_s`` for the first.

        Raises:
            SelfcueError: what the camera failed with, once all good frames are taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._ended, timeout_s)
            frames = list(self._frames)
            self._frames.clear()
            self._changed.notify_all()
            if not frames and self._error is not None:
                raise self._error
            return frames

    @property
    def ended(self) -> bool:
        """The source has ended and all its frames are taken."""
        with self._changed:
            return self._ended and not self._frames

    @property
    def dropped(self) -> int:
        """Frames lost because nobody took them in time."""
        with self._changed:
            return self._dropped

    def stop(self, timeout_s: float = 3.0) -> None:
        """Stop reading and close the camera; may be called twice, and before ``start``."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._camera.close()

    def _run(self) -> None:
        number = 0
        due_s = time.monotonic()
        try:
            while not self._stop.is_set():
                pixels = self._camera.read()
                if pixels is None:
                    break
                self._put(Frame(self._now_ns(), number, pixels))
                number += 1
                if self._fps > 0 and not self._camera.paced:
                    due_s += 1.0 / self._fps
                    self._stop.wait(max(0.0, due_s - time.monotonic()))
        except Exception as error:  # noqa: BLE001 - handed to whoever takes the frames
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _put(self, frame: Frame) -> None:
        with self._changed:
            if not self._camera.paced and self._fps == 0:
                self._changed.wait_for(lambda: len(self._frames) < self._keep or self._stop.is_set())
            self._frames.append(frame)
            while len(self._frames) > self._keep:
                self._frames.popleft()
                self._dropped += 1
            self._changed.notify_all()
