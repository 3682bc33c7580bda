"""Rerun's viewer as a process of its own: on loopback alone, and without its statistics of use.

Rerun has no environment variable that switches its statistics off; ``rerun analytics disable`` does, for a folder of
settings. The viewer that we start gets a folder of its own in which that was said, and the user's own is not touched.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.optional import require

START_S = 20.0
_END_S = 3.0
_LOOK_S = 0.05
MEMORY = "1GB"
_INSTEAD = "without a display use --rerun-web or --rerun-save FILE"


class RerunViewer:
    """Starts a viewer.

    Args:
        web: serve it to the browser, where there is no display; else it opens a window.
        web_port: of the page; 0 takes a free one.

    Raises:
        MissingDependencyError: ``rerun-sdk`` is not installed, or the viewer does not start (there is no display).
        BadInputError: the port is taken.
    """

    def __init__(self, *, web: bool = False, web_port: int = 9090) -> None:
        if not web and sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise MissingDependencyError(f"there is no display for Rerun's window; {_INSTEAD}")
        cli = require("rerun_cli", extra="view")
        binary = _binary(Path(str(cli.__file__)).parent)
        self._folder = tempfile.TemporaryDirectory(prefix="selfcue-rerun-")
        environment = {**os.environ, "XDG_CONFIG_HOME": self._folder.name}
        off = [str(binary), "analytics", "disable"]
        subprocess.run(off, env=environment, capture_output=True, check=False, timeout=START_S)
        self._port = _free_port()
        self._web_port = (web_port or _free_port()) if web else 0
        if self._web_port and _taken(self._web_port):
            self._folder.cleanup()
            raise BadInputError(f"port {self._web_port} on 127.0.0.1 is taken; choose another with --port")
        tied = [sys.executable, "-m", "selfcue.view.tied", str(os.getpid())]  # it ends with us, however we end
        command = [*tied, str(binary), "--bind", "127.0.0.1", "--port", str(self._port), "--memory-limit", MEMORY]
        command += ["--server-memory-limit", MEMORY]
        command += ["--serve-web", "--web-viewer-port", str(self._web_port)] if web else ["--hide-welcome-screen"]
        self._log = Path(self._folder.name) / "viewer.log"
        with self._log.open("wb") as log:
            self._popen = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us, and we end it
            )
        self._await()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def stream_url(self) -> str:
        """Where messages are logged to."""
        return f"rerun+http://127.0.0.1:{self._port}/proxy"

    @property
    def url(self) -> str:
        """Where to look at it, in words."""
        if not self._web_port:
            return "Rerun's window"
        source = self.stream_url.replace("+", "%2B").replace(":", "%3A").replace("/", "%2F")
        return f"http://127.0.0.1:{self._web_port}/?url={source}"

    @property
    def gone(self) -> bool:
        """Whether it was closed."""
        return self._popen.poll() is not None

    def close(self) -> None:
        """End it. May be called twice."""
        if not self.gone:
            self._popen.terminate()
            try:
                self._popen.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        self._folder.cleanup()

    def _await(self) -> None:
        """Wait until it listens."""
        deadline_s = time.monotonic() + START_S
        while not self.gone and time.monotonic() < deadline_s:
            if _taken(self._port):
                return
            time.sleep(_LOOK_S)
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        self.close()
        raise MissingDependencyError(f"Rerun's viewer does not start ({said[0][-160:]}); {_INSTEAD}")


def _binary(folder: Path) -> Path:
    """Return the viewer in the package ``rerun_cli``; what starts it there would stand between us and its signals."""
    bundled = folder / "Rerun.app" / "Contents" / "MacOS" / "Rerun"
    return bundled if bundled.exists() else folder / "rerun"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
