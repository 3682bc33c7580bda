"""Logs played to viewers: order, pause, seek and rate; and the Foxglove app's protocol, by a real WebSocket client."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfcue.errors import UsageError
from selfcue.messages import Image, JournalEvent, Message, WorldMap
from selfcue.record.definitions import codec
from selfcue.record.stamp_order import Entry
from selfcue.view.log_play import LogPlay

S = 1_000_000_000


class Tape:
    """A log of a map and ten events, a tenth of a second apart."""

    looks_for = "nothing"
    start_ns, end_ns = S, S + 900_000_000
    latched_topics = frozenset({"truth/map"})

    @classmethod
    def claims(cls, path: Path) -> bool:
        return False

    def topics(self) -> Mapping[str, type[Message]]:
        return {"journal": JournalEvent, "truth/map": WorldMap}

    def messages(self, start_ns: int | None = None) -> Iterator[Entry]:
        yield S, "truth/map", WorldMap(stamp_ns=S, outlines={"wall": ((0.0, 0.0), (1.0, 0.0))})
        for i in range(10):
            stamp_ns = S + i * 100_000_000
            if start_ns is None or stamp_ns >= start_ns:
                yield stamp_ns, "journal", JournalEvent(stamp_ns=stamp_ns, kind="n", detail={"i": i})


def played(play: LogPlay, number: int, feed: Iterator[Any]) -> list[Any]:
    """Take what is played until ``number`` events came, or the log is over."""
    found: list[Any] = []
    for one in feed:
        if one is not None and isinstance(one[1], JournalEvent):
            found.append(one[1].detail["i"])
        if len(found) == number or (one is None and play.ended):
            return found
    raise AssertionError


def test_it_plays_to_the_end_seeks_back_and_stays_within_the_log() -> None:
    play = LogPlay(Tape(), rate=0.0)
    feed = play.feed()
    assert played(play, 99, feed) == list(range(10))
    assert (play.ended, play.position_ns) == (True, play.end_ns)
    play.seek(S + 650_000_000)
    assert played(play, 99, feed) == [7, 8, 9]
    play.seek(99 * S)
    assert played(play, 99, feed) == [9]
    play.seek(-5)
    assert played(play, 3, feed) == [0, 1, 2]
    assert (play.sought, play.position_ns) == (3, S + 200_000_000)


def test_a_pause_holds_it_between_messages_and_a_seek_is_obeyed_meanwhile() -> None:
    play = LogPlay(Tape(), rate=0.0)
    feed = play.feed()
    assert played(play, 2, feed) == [0, 1]
    play.pause()
    assert [next(feed) for _ in range(3)] == [None] * 3
    assert play.paused
    play.seek(S + 800_000_000)
    play.resume()
    assert played(play, 1, feed) == [8]


def test_a_rate_waits_as_long_as_the_log_took() -> None:
    play = LogPlay(Tape(), rate=3.0)
    feed = play.feed()
    before = [next(feed) for _ in range(3)]  # map, first event, and the wait for the second
    assert before[-1] is None
    play.set_rate(0.0)
    assert played(play, 99, feed) == list(range(1, 10))


def test_the_foxglove_app_gets_schemas_messages_what_was_said_before_and_steers_the_log() -> None:
    pytest.importorskip("foxglove", reason="foxglove-sdk is not installed: pip install 'selfcue[view]'")
    client = pytest.importorskip("websockets.sync.client", reason="websockets is not installed")
    from selfcue.view.foxglove_feed import FoxgloveFeed

    play = LogPlay(Tape(), rate=0.0)
    feed = FoxgloveFeed("a run", port=0, play=play)
    with pytest.raises(UsageError, match="no lock"):
        FoxgloveFeed("a run", host="0.0.0.0", port=0)
    player = play.feed()
    for one in player:
        if one is None and play.ended:
            break
        if one is not None:
            feed.take(*one)
    feed.take("eye", Image(stamp_ns=2 * S, encoding="mono8", data=np.zeros((2, 3), np.uint8)))
    channels: dict[str, Any] = {}
    try:
        with client.connect(feed.url, subprotocols=["foxglove.sdk.v1"], close_timeout=2) as app:
            while set(channels) != {"/journal", "/truth/map", "/eye"}:
                said = app.recv(timeout=10)
                if isinstance(said, str) and (told := json.loads(said))["op"] == "advertise":
                    channels.update({channel["topic"]: channel for channel in told["channels"]})
            assert channels["/eye"]["schemaName"] == "sensor_msgs/msg/Image"
            assert "uint32 height" in channels["/eye"]["schema"]
            assert {channel["encoding"] for channel in channels.values()} == {"cdr"}
            wanted = [{"id": 7, "channelId": channels["/truth/map"]["id"]}]
            app.send(json.dumps({"op": "subscribe", "subscriptions": wanted}))
            while isinstance(said := app.recv(timeout=10), str) or said[0] != 1:
                pass
            opcode, subscription, stamp_ns = struct.unpack("<BIQ", said[:13])
            assert (opcode, subscription, stamp_ns) == (1, 7, S)  # the map, said before the app came
            values = codec("selfcue_msgs/msg/WorldMap").decode(said[13:])
            assert "wall" in str(values)
            request = struct.pack("<BBf?Q", 3, 0, 2.0, True, S + 700_000_000) + struct.pack("<I", 2) + b"id"
            app.send(request)  # play, twice as fast, from there
            deadline = time.monotonic() + 10
            while not play.sought:
                one = next(player)
                if one is not None:
                    feed.take(*one)
                assert time.monotonic() < deadline
            assert (play.rate, play.position_ns) == (2.0, S + 700_000_000)
    finally:
        feed.close()
