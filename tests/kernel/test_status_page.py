"""The status page: what it gathers, what it serves to whom, and that a browser that stalls holds up nobody."""

from __future__ import annotations

import json
import math
import socket
import struct
import zlib
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError, UsageError
from selfcue.messages import (
    AgentStatus,
    Contact,
    Estimate,
    Image,
    JournalEvent,
    LearnerStatus,
    Odometry,
    Position,
    ProcessStatus,
    Trust,
    WorldMap,
)
from selfcue.view.board import CURVE_POINTS, MAX_PICTURES, Board, Curve
from selfcue.view.picture import coloured, png, shrunk
from selfcue.view.server import StatusServer

S = 1_000_000_000


def pixels_of(data: bytes) -> np.ndarray:
    """Read a PNG file as this module writes it (no interlace, filter 0), chunk by chunk with their checksums."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        chunks[kind], at = body, at + 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    channels = 3 if colour == 2 else 1
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    assert depth == 8
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape((height, width, 3) if channels == 3 else (height, width))


@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.integers(0, 9))
def test_a_picture_comes_back_from_its_file(height: int, width: int, rgb: bool, seed: int) -> None:
    shape = (height, width, 3) if rgb else (height, width)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(pixels_of(png(pixels)), pixels)


def test_near_is_light_far_is_dark_and_nothing_is_grey() -> None:
    rgb = coloured(np.array([[0.0, 0.5, 1.0, math.nan]]), np.array([[True, True, True, False]]), 0.0, 1.0)
    far, middle, near = rgb[0, :3].astype(int).sum(axis=1)
    assert far < middle < near
    assert len(set(rgb[0, 3][:2].tolist())) == 1
    assert shrunk(np.zeros((2000, 30), np.uint8), most=500).shape == (500, 8)


@pytest.mark.parametrize("number", [3, CURVE_POINTS, 20_000])
def test_a_curve_keeps_its_ends_and_its_bound(number: int) -> None:
    curve = Curve()
    for i in range(number):
        curve.add(float(i), float(i))
    assert len(curve.points) <= CURVE_POINTS
    assert curve.points[0] == (0.0, 0.0)
    assert curve.points[-1][0] >= number * 0.99 - 1
    assert [at for at, _ in curve.points] == sorted(at for at, _ in curve.points)


@pytest.fixture
def board() -> Board:
    board = Board("a run")
    board.present(["body", "ghost"])
    board.take("system/process/body", ProcessStatus(stamp_ns=10**18, process="body", state="up", pid=7, restarts=1))
    half = math.sqrt(0.5)
    for i in range(50):
        pose = (i * 0.1, 0.0, 1.0)
        board.take(
            "odom",
            Odometry(
                stamp_ns=i * S, position=pose, orientation=(0, 0, half, half), linear_velocity=(0, 0, 0),
                angular_velocity=(0, 0, 0),
            ),
        )  # fmt: skip
        board.take(
            "depth/status",
            LearnerStatus(
                stamp_ns=i * S, pair="depth", trust="ok", ready=False, ready_fast=True, frozen=False,
                skill={"auc": 0.5 + i / 100, "rmse_m": math.nan}, counts={"steps": i},
            ),
        )  # fmt: skip
    board.take("agent/status", AgentStatus(stamp_ns=49 * S, state="MONO_TW", phase="fly", counts={"collisions": 2}))
    board.take("trust/stereo", Trust(stamp_ns=49 * S, cue="stereo", level="lost", reason="<b>black</b>"))
    board.take("truth/map", WorldMap(stamp_ns=0, outlines={"walls": ((0.0, 0.0), (5.0, 0.0), (5.0, 5.0))}))
    board.take("contact", Contact(stamp_ns=S, with_what="wall", position=(1.0, 2.0, 0.0), force_n=3.0))
    board.take("journal", JournalEvent(stamp_ns=48 * S, kind="mode", detail={"state": "MONO_TW"}))
    board.take("eye", Image(stamp_ns=49 * S, encoding="rgb8", data=np.full((4, 6, 3), 200, np.uint8)))
    value = np.array([[0.2, 1.0]], np.float32)
    board.take(
        "depth/student",
        Estimate(
            stamp_ns=49 * S, cue="student", quantity="inverse_depth_per_m", value=value, lower=value, upper=value,
            valid=np.array([[True, False]]), confidence=0.9,
        ),
    )  # fmt: skip
    return board


def test_the_board_shows_what_was_said_and_json_can_hold_it(board: Board) -> None:
    state = json.loads(json.dumps(board.state(), allow_nan=False))
    assert state["now_s"] == 49.0  # not the supervisor's time on the wall
    assert [row["process"] for row in state["processes"]] == ["body", "ghost"]
    assert state["processes"][0]["restarts"] == 1
    assert (state["agent"]["state"], state["learner"]["ready_fast"]) == ("MONO_TW", True)
    assert list(state["skill"]) == ["auc"]
    assert state["curves"]["auc"][-1] == [49.0, 0.99]
    assert state["trust"] == [{"cue": "stereo", "level": "lost", "reason": "<b>black</b>"}]
    assert len(state["map"]["path"]) == 50
    assert state["map"]["pose"] == pytest.approx([4.9, 0.0, 0.0, 1.0])  # it looks along y
    assert state["map"]["contacts"] == [[1.0, 2.0]]
    assert state["events"][0][2].startswith("mode: state MONO_TW")
    assert list(state["pictures"]) == ["depth/student", "eye"]


def test_a_log_without_odometry_shows_its_positions() -> None:
    board = Board()
    for i in range(20):
        board.take("leica", Position(stamp_ns=i * S, position=(0.5 * i, 1.0, 0.0)))
        board.take("leica", Position(stamp_ns=i * S + 1, position=(0.5 * i + 0.001, 1.0, 0.0)))  # it stands
    assert board.state()["map"]["path"] == [(0.5 * i, 1.0) for i in range(20)]
    assert board.state()["map"]["pose"] is None


def test_pictures_of_every_kind_are_shown_and_their_number_is_bounded(board: Board) -> None:
    eye = board.picture("eye")
    assert eye is not None
    assert pixels_of(eye).tolist() == np.full((4, 6, 3), 200).tolist()
    student = board.picture("depth/student")
    assert student is not None
    assert pixels_of(student).shape == (1, 2, 3)
    depth = np.array([[1.0, 4.0, np.nan, 0.0]], np.float32)
    board.take("depth", Image(stamp_ns=S, encoding="32FC1", data=depth))
    shown = board.picture("depth")
    assert shown is not None
    near, far, *nothing = pixels_of(shown)[0].astype(int).sum(axis=1).tolist()
    assert near > far
    assert nothing[0] == nothing[1]
    assert board.picture("none") is None
    for i in range(100):
        board.take(f"more/{i}", Image(stamp_ns=S, encoding="mono8", data=np.zeros((2, 2), np.uint8)))
    assert len(board.state()["pictures"]) == MAX_PICTURES


@pytest.fixture
def server(board: Board) -> Iterator[StatusServer]:
    server = StatusServer(board, port=0)
    yield server
    server.close()


def get(server: StatusServer, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection(server.url[len("http://") : -1], timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def test_it_serves_the_page_the_state_and_pictures(server: StatusServer, board: Board) -> None:
    status, headers, body = get(server, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"{{state}}" not in body
    assert b"<b>black" not in body  # what was said on the bus is text and never markup
    assert json.loads(get(server, "/state.json")[2])["agent"]["state"] == "MONO_TW"
    assert get(server, "/picture?topic=eye")[2] == board.picture("eye")
    assert [get(server, path)[0] for path in ("/picture?topic=x", "/picture", "/etc/passwd", "/../..")] == [404] * 4


def test_another_sites_name_and_other_addresses_are_turned_away(server: StatusServer, board: Board) -> None:
    assert get(server, "/state.json", Host="evil.example")[0] == 403
    assert get(server, "/state.json", Host="localhost:1")[0] == 200
    with pytest.raises(UsageError, match="the page has no lock"):
        StatusServer(board, host="0.0.0.0", port=0)
    with pytest.raises(BadInputError, match="choose another with --port"):
        StatusServer(board, port=int(server.url.rsplit(":", 1)[1].strip("/")))


def test_events_come_as_they_happen_and_a_stalled_browser_holds_up_nobody(server: StatusServer, board: Board) -> None:
    host, port = server.url[len("http://") : -1].split(":")
    stalled = socket.create_connection((host, int(port)), timeout=10)
    stalled.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")  # and never reads
    with socket.create_connection((host, int(port)), timeout=10) as reader:
        reader.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        lines = reader.makefile("rb")

        def event() -> Any:
            while not (line := lines.readline()).startswith(b"data: "):
                assert line
            return json.loads(line[len(b"data: ") :])

        first = event()
        board.take("agent/status", AgentStatus(stamp_ns=60 * S, state="HOLD", phase="", counts={}))
        later = event()
        while later["agent"]["state"] != "HOLD":
            later = event()
    assert first["agent"]["state"] == "MONO_TW"
    stalled.close()
    server.close()
    server.close()
