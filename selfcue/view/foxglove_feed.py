"""Messages to the Foxglove app over its WebSocket, as the ROS 2 types that a log would hold."""

from __future__ import annotations

from collections import Counter
from typing import Any

from selfcue.errors import BadInputError, UsageError
from selfcue.messages import CameraInfo, Message, WorldMap
from selfcue.optional import require
from selfcue.record.definitions import schema_text
from selfcue.record.encoder import Encoder, Line
from selfcue.view.log_play import LogPlay
from selfcue.view.server import is_loopback

_HELD = (CameraInfo, WorldMap)
"""Said once: whoever connects later is told again."""


class FoxgloveFeed:
    """A server that the Foxglove app connects to. What a slow app cannot take, the server drops; nobody waits.

    Args:
        play: the log that is played: the app's play, pause, speed and seek go to it.

    Raises:
        MissingDependencyError: ``foxglove-sdk`` is not installed.
        UsageError, BadInputError: ``host`` is not loopback, the port is taken.
    """

    def __init__(self, title: str, *, host: str = "127.0.0.1", port: int = 8765, play: LogPlay | None = None) -> None:
        if not is_loopback(host):
            raise UsageError(f"--host {host}: the feed has no lock; use 127.0.0.1, and from elsewhere ssh -L")
        self._foxglove: Any = require("foxglove", extra="view")
        websocket: Any = require("foxglove.websocket", extra="view")
        self._websocket, self._play = websocket, play
        self._encoder = Encoder({})
        self._channels: dict[Line, Any] = {}
        self._held: dict[int, tuple[Any, bytes, int]] = {}
        self._told: tuple[Any, ...] = ()
        self.left_out: Counter[str] = Counter()
        self._context = self._foxglove.Context()
        capabilities = [websocket.Capability.Time]
        if play is not None:
            capabilities.append(websocket.Capability.PlaybackControl)
        try:
            self._server = self._foxglove.start_server(
                name=title,
                host=host,
                port=port,
                capabilities=capabilities,
                server_listener=_Listener(self),
                context=self._context,
                playback_time_range=(play.start_ns, play.end_ns) if play is not None else None,
            )
        except Exception as error:  # the SDK has types of its own for each kind of failure
            raise BadInputError(f"port {port} on {host}: {error}; choose another with --port") from error

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.port}"

    def take(self, topic: str, message: Message) -> None:
        """Send one message. What no ROS type can hold is counted in ``left_out``."""
        try:
            encoded = self._encoder.encode(topic, message)
        except BadInputError:
            self.left_out[topic] += 1
            return
        assert encoded is not None  # nothing is throttled here
        channel = self._channels.get(encoded.line) or self._open(encoded.line)
        data = b"".join(encoded.pieces)
        channel.log(data, log_time=message.stamp_ns)
        if isinstance(message, _HELD):
            self._held[channel.id()] = (channel, data, message.stamp_ns)

    def _open(self, line: Line) -> Any:
        schema = self._foxglove.Schema(name=line.schema, encoding="ros2msg", data=schema_text(line.schema).encode())
        suffix = "/compressed" if line.compressed else ""
        channel = self._channels[line] = self._foxglove.Channel(
            f"/{line.topic}{suffix}", schema=schema, message_encoding="cdr", context=self._context,
            metadata={"selfcue.source": line.source},
        )  # fmt: skip
        return channel

    def say_time(self) -> None:
        """Tell the app where a played log stands."""
        if self._play is None:
            return
        self._server.broadcast_time(self._play.position_ns)
        told = (self._play.paused, self._play.ended, self._play.rate, self._play.sought)
        if told != self._told:
            self._server.broadcast_playback_state(self.state(did_seek=self._told[3:] not in ((), told[3:])))
            self._told = told

    def state(self, request_id: str | None = None, *, did_seek: bool = False) -> Any:
        """Return the player's state in the app's words."""
        assert self._play is not None
        words = self._websocket.PlaybackStatus
        status = words.Ended if self._play.ended else words.Paused if self._play.paused else words.Playing
        return self._websocket.PlaybackState(
            status=status,
            current_time=self._play.position_ns,
            playback_speed=self._play.rate,
            did_seek=did_seek,
            request_id=request_id,
        )

    def asked(self, request: Any) -> Any:
        """Pass what the app's player wants to the log; return its state."""
        if self._play is None:
            return None
        if request.seek_time is not None:
            self._play.seek(request.seek_time)
        if request.playback_speed > 0:
            self._play.set_rate(request.playback_speed)
        if request.playback_command == self._websocket.PlaybackCommand.Play:
            self._play.resume()
        else:
            self._play.pause()
        return self.state(request.request_id, did_seek=request.seek_time is not None)

    def repeat(self, channel_id: int) -> None:
        """Say again what was said before a newcomer came."""
        if channel_id in self._held:
            channel, data, stamp_ns = self._held[channel_id]
            channel.log(data, log_time=stamp_ns)

    def close(self) -> None:
        self._server.stop()


class _Listener:
    """Hears what apps say, on a thread of the SDK's."""

    def __init__(self, feed: FoxgloveFeed) -> None:
        self._feed = feed

    def on_subscribe(self, client: Any, channel: Any) -> None:  # noqa: ARG002 - the SDK's signature
        self._feed.repeat(channel.id)

    def on_playback_control_request(self, playback_control_request: Any) -> Any:
        return self._feed.asked(playback_control_request)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):  # what else an app may say is nothing to a viewer
            return lambda *_, **__: None
        raise AttributeError(name)
