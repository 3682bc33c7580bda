"""Keys that control a log player while it runs in this terminal; each becomes a call."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from selfcue.calls import Nothing, call
from selfcue.directory import FolderDirectory
from selfcue.errors import SelfcueError
from selfcue.player import PlayerState, Rate, Seek, Step

if TYPE_CHECKING:
    from typing_extensions import Self

HELP = (
    "keys: space pauses and goes on, n plays one moment, left and right seek 5 s, up and down double or halve, q stops"
)
SEEK_S = 5.0
_TIMEOUT_S = 5.0
_LOOK_S = 0.1
_LEAST_RATE = 1 / 64
_log = logging.getLogger(__name__)


class PlayerKeys:
    """Reads keys in a thread of its own, where ``keyboard`` is a terminal; use it as a context.

    Attributes:
        listening: whether it is one.
    """

    def __init__(self, keyboard: TextIO, *, player: str = "player") -> None:
        self._player = player
        self._directory = FolderDirectory()
        self._over = threading.Event()
        self._before: list[Any] | None = None
        self.listening = keyboard.isatty()
        self._descriptor = keyboard.fileno() if self.listening else -1
        self._acts: dict[bytes, Callable[[], object]] = {
            b" ": self._toggle,
            b"n": lambda: self._ask("step", Step()),
            b"\x1b[C": lambda: self._ask("seek", Seek(by_s=SEEK_S)),
            b"\x1b[D": lambda: self._ask("seek", Seek(by_s=-SEEK_S)),
            b"\x1b[A": lambda: self._times(2.0),
            b"\x1b[B": lambda: self._times(0.5),
            b"q": lambda: os.kill(os.getpid(), signal.SIGINT),
        }

    def __enter__(self) -> Self:
        if self.listening:
            import termios
            import tty

            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
            threading.Thread(target=self._listen, name="keys", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._before is not None:
            import termios

            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def _listen(self) -> None:
        while not self._over.is_set():
            ready, _, _ = select.select([self._descriptor], [], [], _LOOK_S)
            if not ready:
                continue
            typed = os.read(self._descriptor, 64)
            if not typed:
                return
            self.press(typed)

    def press(self, typed: bytes) -> None:
        """Do what the keys in ``typed`` stand for; others are ignored, and so is a player that does not answer."""
        while typed:
            key = typed[:3] if typed.startswith(b"\x1b[") else typed[:1]
            typed = typed[len(key) :]
            act = self._acts.get(key)
            if act is not None:
                try:
                    act()
                except SelfcueError as error:
                    _log.debug("key %r: %s", key, error)

    def _ask(self, name: str, request: object) -> PlayerState:
        return call(self._directory, f"{self._player}/{name}", request, PlayerState, timeout_s=_TIMEOUT_S)

    def _toggle(self) -> None:
        state = self._ask("state", Nothing())
        self._ask("resume" if state.paused else "pause", Nothing())

    def _times(self, factor: float) -> None:
        rate = self._ask("state", Nothing()).rate or 1.0  # as fast as it goes has no half: begin at real time
        self._ask("rate", Rate(max(_LEAST_RATE, rate * factor)))
