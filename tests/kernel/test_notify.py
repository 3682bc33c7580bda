"""What systemd hears: through the datagram socket that it gives, and nothing where there is none."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfcue.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        path = str(tmp_path / "notify")
        ear.bind(path)
        ear.settimeout(0.0)
        yield path, ear


def heard(ear: socket.socket) -> list[str]:
    lines = []
    while True:
        try:
            lines.append(ear.recv(4096).decode())
        except BlockingIOError:
            return lines


def test_each_word_is_said_when_it_is_news(manager: tuple[str, socket.socket]) -> None:
    path, ear = manager
    notifier = Notifier({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())})
    for _ in range(3):
        notifier.status("1 of 2 processes up")
        notifier.alive()
        notifier.ready()
    notifier.status("2 of 2 processes up")
    notifier.stopping()
    assert heard(ear) == [
        "STATUS=1 of 2 processes up", "WATCHDOG=1", "READY=1", "STATUS=2 of 2 processes up", "STOPPING=1",
    ]  # fmt: skip
    assert notifier.watchdog_s == 60.0


def test_an_abstract_address_begins_with_a_nul() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"\0selfcue-{os.getpid()}")
        ear.settimeout(0.0)
        Notifier({"NOTIFY_SOCKET": f"@selfcue-{os.getpid()}"}).ready()
        assert heard(ear) == ["READY=1"]


@pytest.mark.parametrize(
    "environment", [{}, {"NOTIFY_SOCKET": "no/such/socket"}, {"WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}]
)
def test_nobody_there_is_no_trouble(environment: dict[str, str]) -> None:
    notifier = Notifier(environment)
    notifier.ready()
    notifier.alive()
    assert notifier.watchdog_s == 0.0


def test_a_manager_that_does_not_listen_holds_nothing_up(manager: tuple[str, socket.socket]) -> None:
    path, ear = manager
    notifier = Notifier({"NOTIFY_SOCKET": path})
    for i in range(2000):  # far more than the socket's queue holds
        notifier.status(f"line {i}")
    assert 0 < len(heard(ear)) < 2000
