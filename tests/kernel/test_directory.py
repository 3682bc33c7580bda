"""Cards: who is here, whatever happens to the wall clock and to process numbers."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import psutil
import pytest

from selfcue.directory import FolderDirectory, started_at, this_process


@pytest.fixture
def directory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> FolderDirectory:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("x")))
    return FolderDirectory("cards")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the start of a process from the boot")
def test_a_card_outlives_a_step_of_the_wall_clock(directory: FolderDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.enter(this_process("here", "ipc://here", {}))
    before = psutil.Process().create_time()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: before + 3600.0)  # what psutil says after the step
    assert [card.name for card in directory.cards()] == ["here"]


def test_a_pid_that_another_process_has_now_is_not_the_one_that_left_the_card(directory: FolderDirectory) -> None:
    earlier = msgspec.structs.replace(this_process("here", "ipc://here", {}), started=started_at(os.getpid()) - 5.0)
    directory.enter(earlier)
    assert directory.cards() == []
    assert not list(directory.folder.glob("*.json"))


def test_bases_with_long_paths_are_apart_and_leave_nothing(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = []
    for name in ("one", "two"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp(name + "x" * 80)))
        places.append(FolderDirectory("cards"))
    one, two = places
    one.enter(this_process("here", one.endpoint("here", "pub"), {}))
    assert FolderDirectory("cards").cards() == []
    assert two.cards() == []
    one.leave("here")
    assert not one.folder.parent.exists()
    one.enter(this_process("here", "ipc://here", {}))  # and it can come again
    assert [card.name for card in one.cards()] == ["here"]
    one.leave("here")


def test_a_later_process_began_later_and_a_gone_one_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        began = started_at(child.pid)
        assert began >= started_at(os.getpid())
        child.kill()
    with pytest.raises(psutil.Error):
        started_at(child.pid)
