"""Links to other machines: TCP addresses from the launch file, encrypted and only for known keys.

A process listens at ``tcp://HOST:PORT`` for subscriptions and at the port above it for links. Loopback needs no keys;
any other address needs this machine's pair of keys (``selfcue keys new``), and lets in those that it knows alone
(``selfcue keys allow``). Who comes with another key, or with none, is turned away and counted.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import zmq
import zmq.utils.monitor

from selfcue import keys
from selfcue.errors import BadInputError, MissingDependencyError, SelfcueError
from selfcue.transport.incoming import Incoming

SOCKET_BUFFER_BYTES = 1 << 20
"""Of the kernel, per connection and direction: more would only make old pictures wait longer."""
HEARTBEAT_MS = 2000
HANDSHAKE_MS = 3000
RECONNECT_MS, RECONNECT_MAX_MS = 100, 5000

_ADDRESS = re.compile(r"tcp://(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.*_-]{1,253}):(?P<port>[0-9]{1,5})")
_ZAP = "inproc://zeromq.zap.01"
_FAILED = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL


@dataclass(frozen=True)
class Reach:
    """How one process reaches beyond its machine.

    Attributes:
        listen: ``tcp://HOST:PORT`` (and PORT + 1); empty: not at all.
        peers: address of each process elsewhere to listen to, and the name of its machine's key (``selfcue keys
            allow``); an empty name goes with loopback alone.
    """

    listen: str = ""
    peers: dict[str, str] = field(default_factory=dict)


class Frontier:
    """The TCP side of one bus: binds, connects, and turns strangers away.

    Raises:
        BadInputError: an address that is none, a public one without keys, a key that is not known.
        MissingDependencyError: this build of ZeroMQ cannot encrypt.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], reach: Reach, publish: Any, serve: Any) -> None:
        self.strangers: dict[str, int] = {}
        self._reach = reach
        self._guard: zmq.Socket[bytes] | None = None
        self._monitors: list[Any] = []
        self._pair, self._keys = keys.own(), keys.folder()
        for address in (*([reach.listen] if reach.listen else []), *reach.peers):
            self._check(address)
        if reach.listen:
            self._listen(context, publish, serve)

    @property
    def entrances(self) -> list[Any]:
        """What to wait on."""
        return [*([self._guard] if self._guard else []), *self._monitors]

    def connect(self, subscribe: Any, ask: Any, incoming: Incoming) -> None:
        """Connect to all processes elsewhere."""
        for address, name in self._reach.peers.items():
            for socket in (subscribe, ask):
                _tune(socket)
                if name:
                    assert self._pair is not None
                    socket.curve_publickey, socket.curve_secretkey = _z85(self._pair.public), _z85(self._pair.secret)
                    socket.curve_serverkey = _z85(keys.allowed(self._keys)[name])
            subscribe.connect(address)
            incoming.connect(above(address))
            for socket in (subscribe, ask):
                socket.curve_server = 0  # what is connected from now on is on this machine, and not encrypted

    def serve(self) -> None:
        """Answer who wants to come in."""
        while self._guard is not None:
            try:
                request = self._guard.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            self._guard.send_multipart(self._judged(request))
        for monitor in self._monitors:
            with suppress(zmq.Again):
                while True:
                    zmq.utils.monitor.recv_monitor_message(monitor, zmq.NOBLOCK)
                    self._turn_away("without a key")

    def _judged(self, request: list[bytes]) -> list[bytes]:
        number = request[1] if len(request) > 1 else b""
        key = request[6] if len(request) == 7 and request[5] == b"CURVE" and len(request[6]) == 32 else b""
        try:
            known = {public: name for name, public in keys.allowed(self._keys).items()}
        except BadInputError:
            known = {}
        name = known.get(key.hex())
        if not key or name is None:
            self._turn_away(key.hex()[:16] or "without a key")
            return [
                b"1.0",
                number,
                b"300",
                b"",
                b"",
                b"",
            ]  # 400 would make it give up for good; it may be allowed later
        return [b"1.0", number, b"200", b"OK", name.encode(), b""]

    def _turn_away(self, who: str) -> None:
        if who in self.strangers or len(self.strangers) < 1000:
            self.strangers[who] = self.strangers.get(who, 0) + 1

    def _check(self, address: str) -> None:
        match = _ADDRESS.fullmatch(address)
        if match is None or not 0 < int(match["port"]) < 65535:
            raise BadInputError(f"{address!r} is no address; write tcp://HOST:PORT, with a port up to 65534")
        name = self._reach.peers.get(address, "")
        if name and self._pair is None:
            raise BadInputError(f"{address}: this machine has no key; run: selfcue keys new")
        if name and name not in keys.allowed(self._keys):
            known = ", ".join(keys.allowed(self._keys)) or "none"
            raise BadInputError(f"{address}: no key of {name!r} (known: {known}); run: selfcue keys allow {name} KEY")
        if not _loopback(match["host"]) and not (name or (address == self._reach.listen and self._pair)):
            how = "name the key of its machine" if address in self._reach.peers else "run: selfcue keys new"
            raise BadInputError(f"{address}: beyond this machine only with keys; {how}, or use 127.0.0.1")
        if self._pair is not None and not zmq.has("curve"):
            raise MissingDependencyError(
                "this build of ZeroMQ has no CURVE; install the pyzmq wheel: pip install pyzmq"
            )

    def _listen(self, context: zmq.Context[zmq.Socket[bytes]], publish: Any, serve: Any) -> None:
        if self._pair is not None:
            self._guard = context.socket(zmq.REP)
            self._guard.linger = 0
            try:
                self._guard.bind(_ZAP)  # before anybody can knock: without a guard ZeroMQ lets everyone in
            except zmq.ZMQError as error:
                self._guard.close()
                raise SelfcueError(f"{self._reach.listen}: two buses with keys in one ZeroMQ context") from error
        for socket, address in ((publish, self._reach.listen), (serve, above(self._reach.listen))):
            _tune(socket)
            if self._pair is not None:
                socket.curve_secretkey = _z85(self._pair.secret)
                socket.curve_server = 1
                socket.zap_domain = b"selfcue"
                self._monitors.append(socket.get_monitor_socket(_FAILED))
            try:
                socket.bind(address)
            except zmq.ZMQError as error:
                self.close(publish, serve)
                raise BadInputError(f"{address}: cannot be listened at ({error})") from error

    def close(self, *watched: Any) -> None:
        """Stop guarding. ``watched``: the sockets that listen; they are closed by who made them."""
        for socket in watched if self._monitors else ():
            socket.disable_monitor()
        for monitor in self._monitors:
            monitor.close(linger=0)
        self._monitors.clear()
        if self._guard is not None:
            self._guard.close()
            self._guard = None


def above(address: str) -> str:
    """Return the address one port above: where the links of ``address`` are."""
    head, _, port = address.rpartition(":")
    return f"{head}:{int(port) + 1}"


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _tune(socket: Any) -> None:
    socket.sndbuf = socket.rcvbuf = SOCKET_BUFFER_BYTES
    socket.heartbeat_ivl, socket.handshake_ivl = HEARTBEAT_MS, HANDSHAKE_MS
    socket.reconnect_ivl, socket.reconnect_ivl_max = RECONNECT_MS, RECONNECT_MAX_MS


def _z85(digits: str) -> bytes:
    return zmq.utils.z85.encode(bytes.fromhex(digits))
