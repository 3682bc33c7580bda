"""The status page over HTTP, on loopback: one static page, the state as JSON and as a stream of events, pictures.

It only reads. A browser that stalls holds up its own thread and nobody else: state is asked for when there is somebody
to send it to, and what a slow one misses it never gets.
"""

from __future__ import annotations

import ipaddress
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit

from selfcue.errors import BadInputError, UsageError
from selfcue.view.board import Board

EVENT_PERIOD_S = 0.5
STALLED_S = 5.0
MAX_STREAMS = 16
_NAMES = frozenset({"localhost"})


class StatusServer:
    """Serves ``board`` until closed.

    Args:
        board: what to show.
        host: address to listen on; only loopback is allowed, for there is neither key nor password.
        port: 0 takes a free one.

    Raises:
        UsageError: ``host`` is not loopback.
        BadInputError: the port is taken.
    """

    def __init__(self, board: Board, *, host: str = "127.0.0.1", port: int = 8765) -> None:
        if not is_loopback(host):
            raise UsageError(f"--host {host}: the page has no lock; use 127.0.0.1, and from elsewhere ssh -L")
        handler = type("Handler", (_Handler,), {"board": board, "streams": threading.BoundedSemaphore(MAX_STREAMS)})
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            raise BadInputError(f"port {port} on {host}: {error.strerror}; choose another with --port") from error
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        name = host.decode() if isinstance(host, bytes) else str(host)
        return f"http://{f'[{name}]' if ':' in name else name}:{port}/"

    def close(self) -> None:
        """Stop. May be called twice."""
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        self.stopping = threading.Event()
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no event."""


class _Handler(BaseHTTPRequestHandler):
    board: Board
    streams: threading.BoundedSemaphore
    timeout = STALLED_S
    server: _Server

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        if not _is_ours(self.headers.get("Host", "")):  # another site's name that leads here (DNS rebinding)
            self._send(403, "text/plain", b"this page is for this machine\n")
        elif where.path == "/":
            self._send(200, "text/html; charset=utf-8", page(_state(self.board)))
        elif where.path == "/state.json":
            self._send(200, "application/json", _state(self.board))
        elif where.path == "/events":
            self._stream()
        elif where.path == "/picture":
            picture = self.board.picture(parse_qs(where.query).get("topic", [""])[0])
            if picture is None:
                self._send(404, "text/plain", b"no picture came on that topic\n")
            else:
                self._send(200, "image/png", picture)
        else:
            self._send(404, "text/plain", b"there is /, /state.json, /events and /picture?topic=...\n")

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; "
            "connect-src 'self'",
        )
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        """Send the state again and again (server-sent events) until either side has had enough."""
        if not self.streams.acquire(blocking=False):
            self._send(503, "text/plain", b"too many browsers look at this page\n")
            return
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            while not self.server.stopping.is_set():
                begin_s = time.monotonic()
                self.wfile.write(b"data: " + _state(self.board) + b"\n\n")
                self.server.stopping.wait(max(0.05, EVENT_PERIOD_S - (time.monotonic() - begin_s)))
        except OSError:  # the browser went away, or took nothing for so long
            self.close_connection = True
        finally:
            self.streams.release()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing: a person looks at the page, not at a log of it."""


def page(state: bytes) -> bytes:
    """Return the page with the ``state`` (JSON) of now in it, so that it is full at once."""
    html = resources.files("selfcue").joinpath("view", "page.html").read_bytes()
    return html.replace(b"{{state}}", state.replace(b"<", b"\\u003c"))


def _state(board: Board) -> bytes:
    return json.dumps(board.state(), allow_nan=False, separators=(",", ":")).encode()


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach what listens on ``host``."""
    if host in _NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_ours(header: str) -> bool:
    name = urlsplit(f"//{header}").hostname or ""
    return is_loopback(name)
