"""What a sensor's packets come from: a socket or a capture; and the one sender whose packets count."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Packet(NamedTuple):
    """One datagram: when it came by this machine's monotonic clock, from where, to which port, and what it carried."""

    arrived_ns: int
    sender: str
    port: int
    data: bytes


class PacketSource(Protocol):
    """Gives packets; used by one thread, except for ``close``."""

    @property
    def paced(self) -> bool:
        """It sets its own pace; otherwise it gives packets as fast as it is asked."""
        ...

    def open(self) -> None:
        """Open it, all or nothing; errors as ``Driver.open``."""
        ...

    def receive(self, timeout_s: float) -> list[Packet]:
        """Return what came, oldest first; empty where nothing came in ``timeout_s``. Raises as ``Driver.read``."""
        ...

    def close(self) -> None:
        """Let go of it; from any thread, idempotent; a ``receive`` under way ends at once."""
        ...

    @property
    def dropped(self) -> int:
        """Packets that this machine had and lost, because nobody fetched them in time."""
        ...


class OneSender:
    """Lets the packets of one sender through: the one that was named, or else the first that is heard.

    One that was not named gives way to another when it has been silent for ``silent_s`` (a sensor may get another
    address while it is restarted).
    """

    def __init__(self, named: str = "", silent_s: float = 2.0) -> None:
        self._named, self._silent_ns = named, round(silent_s * 1e9)
        self._sender, self._heard_ns = named, 0

    @property
    def sender(self) -> str:
        """The sender that is listened to; empty while none was heard."""
        return self._sender

    def is_from(self, packet: Packet) -> bool:
        """Tell whether a packet, known to be of the right kind, comes from the one that is listened to."""
        if not self._sender:
            self._sender = packet.sender
        elif packet.sender != self._sender:
            if self._named or packet.arrived_ns - self._heard_ns < self._silent_ns:
                return False
            self._sender = packet.sender
        self._heard_ns = packet.arrived_ns
        return True
