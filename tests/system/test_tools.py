"""The tools over a running system, by the real command line: one live system for all of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from selfcue.calls import call
from selfcue.cli import main
from selfcue.directory import FolderDirectory
from tests.kernel.live_toys import Word

ROOT = Path(__file__).resolve().parents[2]
LIVE = """
processes:
  beat:
    - name: beat
      node: "tests.kernel.live_toys:Beat"
      rate_hz: 50.0
      params: {rate_hz: 1000.0}
  echo: [{name: echo, node: "tests.kernel.live_toys:Echo"}]
"""
Tool = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tools")


@pytest.fixture(scope="module")
def system(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "x"))
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("COLUMNS", "200")
        (folder / "live.yaml").write_text(LIVE)
        command = [sys.executable, "-m", "selfcue", "run", "live.yaml", "--json", "--out", "run"]
        with subprocess.Popen(command, cwd=folder, stdout=-1, stderr=-1, text=True) as run:
            deadline = time.monotonic() + 60
            while sum(bool(card.nodes) for card in FolderDirectory().cards()) < 2:
                assert time.monotonic() < deadline
                assert run.poll() is None
                time.sleep(0.02)
            yield run
            run.send_signal(signal.SIGINT)
            assert run.wait(20) == 130


@pytest.fixture
def tool(system: subprocess.Popen[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    """The command line itself, in this process: a new interpreter for each word would take most of the time."""

    def use(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        out, err = capsys.readouterr()
        return code, out, err

    return use


def rows(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_topic_info_and_type(tool: Tool) -> None:
    (found,) = rows(tool("topic", "info", "beat", "--json")[1])
    assert found["publishers"] == ["beat"]
    assert found["subscribers"] == ["echo"]
    assert found["fields"]["stamp_ns"] == "int"
    assert list(found["fields"])[-1] == "detail"
    assert tool("topic", "type", "beat")[1] == "JournalEvent\n"
    code, _, err = tool("topic", "type", "bead")
    assert (code, err.count("\n")) == (3, 1)
    assert "nobody publishes 'bead'; there is: beat, echo, health, journal, node/health, system/process/beat" in err


def test_rate_bandwidth_and_delay(tool: Tool) -> None:
    (rate,) = rows(tool("topic", "hz", "beat", "--count", "25", "--json")[1])[-1:]
    assert rate["stamp_hz"] == pytest.approx(50, rel=0.3)
    (width,) = rows(tool("topic", "bw", "beat", "--count", "25", "--json")[1])[-1:]
    assert 100 < width["mean_bytes"] < 300
    assert width["bytes_per_s"] == pytest.approx(50 * width["mean_bytes"], rel=0.5)
    (late,) = rows(tool("topic", "delay", "beat", "--count", "25", "--json")[1])[-1:]
    assert 0 < late["least_s"] <= late["median_s"] <= late["largest_s"] < 5


def test_clocks_on_one_machine_agree(tool: Tool) -> None:
    found = rows(tool("clock", "--seconds", "0.5", "--json")[1])
    assert [row["process"] for row in found] == ["beat", "echo"]
    for row in found:
        assert abs(row["offset_ns"]) <= row["uncertainty_ns"] + 20_000_000  # the wall is slewed by NTP since the start
        assert row["samples"] > 1
    assert "those that do: beat, echo" in tool("clock", "bead")[2]


def test_nodes(tool: Tool, folder: Path) -> None:
    assert [row["node"] for row in rows(tool("node", "list", "--json")[1])] == ["beat", "echo"]
    (found,) = rows(tool("node", "info", "echo", "--json")[1])
    assert (found["process"], found["kind"], found["answers"]) == ("echo", "Echo", True)
    assert found["hears"] == ["beat"]
    assert found["publishes"]["echo"] == "JournalEvent"
    assert Path(found["log"]) == folder / "run" / "logs" / "nodes" / "echo.log"
    assert found["rss_bytes"] > 1e6
    assert tool("node", "info", "eco")[::2] == (3, "selfcue: no node 'eco' runs here; there is: beat, echo\n")


def test_a_parameter_is_changed_while_its_node_runs(tool: Tool) -> None:
    listed = rows(tool("param", "list", "beat", "--json")[1])
    assert [(row["param"], row["live"]) for row in listed] == [("topic", False), ("step", True), ("rate_hz", False)]
    code, out, _ = tool("param", "set", "beat", "step", "7")
    assert (code, out) == (0, "beat: step = 7\n")
    assert tool("param", "get", "beat", "step")[1] == "7\n"
    one, two = (row["detail"]["count"] for row in rows(tool("topic", "echo", "beat", "--count", "2", "--json")[1]))
    assert two - one == 7


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["set", "beat", "step", "many"], 3, "beat.step: expected `int`, got `str`"),
        (["set", "beat", "step", "0"], 3, "step is 0; it must be at least 1"),
        (["set", "beat", "topic", "x"], 2, "does not change while it runs"),
        (["get", "beat", "stepp"], 2, "no parameter 'stepp'"),
        (["set", "bead", "step", "1"], 3, "no node 'bead' runs here"),
        (["set", "beat", "step", "[1"], 2, "no value as YAML has them"),
    ],
)
def test_a_wrong_parameter_is_one_line(tool: Tool, words: list[str], code: int, says: str) -> None:
    found, _, err = tool("param", *words)
    assert found == code
    assert says in err
    assert err.count("\n") == 1


def test_a_node_answers_calls_of_its_own(system: subprocess.Popen[str]) -> None:
    assert call(FolderDirectory(), "beat/twice", Word("ab"), Word, timeout_s=20) == Word("abab")


def test_top_shows_who_is_slow_first(tool: Tool) -> None:
    (found,) = rows(tool("top", "--json")[1])
    assert [row["process"] for row in found["processes"]] == ["beat", "echo"]
    assert {row["state"] for row in found["processes"]} == {"up"}
    first = found["health"][0]
    assert (first["kind"], first["name"], first["level"], first["asked_hz"]) == ("topic", "beat", "slow", 1000.0)
    warm = [row["temperature_c"] for row in found["health"] if (row["kind"], row["name"]) == ("node", "beat")]
    assert warm == [41.5]
    code, out, _ = tool("top", "--once")
    assert code == 0
    assert "1000 Hz were asked for" in out


def test_what_hangs_is_told_from_what_is_well(tool: Tool) -> None:
    pid = next(card.pid for card in FolderDirectory().cards() if card.name == "echo")
    os.kill(pid, signal.SIGSTOP)
    try:
        (found,) = rows(tool("node", "info", "echo", "--timeout", "0.5", "--json")[1])
        assert found["answers"] is False
        assert "did not answer within 0.5 s" in found["why"]
        code, _, err = tool("param", "get", "echo", "x", "--timeout", "0.5")
        assert (code, err.count("\n")) == (1, 1)
        assert tool("topic", "hz", "beat", "--count", "25", "--json")[0] == 0  # the others go on
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(
    "words", [["top", "--json"], ["node", "info", "x"], ["topic", "type", "x"], ["param", "get", "x", "y"]]
)
def test_without_a_system_the_tools_say_so(tool: Tool, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setenv("SELFCUE_DOMAIN", "nobody-here")
    code, _, err = tool(*words)
    assert (code, err.count("\n")) == (3, 1)
    assert "no system runs in this domain" in err


def test_view_serves_the_running_system_and_a_browser_shows_it(
    system: subprocess.Popen[str], folder: Path, tmp_path: Path, tool: Tool
) -> None:
    code, out, _ = tool("view", "--json")
    state = json.loads(out)
    assert code == 0
    assert {row["process"]: row["state"] for row in state["processes"]}["beat"] == "up"
    assert any(row["name"] == "word" or row["kind"] == "node" for row in state["health"])
    command = [sys.executable, "-m", "selfcue", "view", "--port", "0"]
    env = {**os.environ, "XDG_RUNTIME_DIR": str(folder / "x"), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=tmp_path, stdout=-1, stderr=-1, text=True, env=env) as viewer:
        try:
            assert viewer.stdout is not None
            url = viewer.stdout.readline().split()[0]
            deadline = time.monotonic() + 30
            while "echo" not in (page := _fetch(url + "state.json")) or '"up"' not in page:
                assert time.monotonic() < deadline
            browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
            if browser is not None:
                words = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
                shown, deadline = "", time.monotonic() + 60
                # The browser may dump the page before it has fetched its first state: a viewer gives way to all else.
                while ">echo (echo)</td>" not in shown:
                    assert time.monotonic() < deadline, shown
                    shown = subprocess.run(
                        [browser, *words, "--dump-dom", url], capture_output=True, text=True, timeout=120, check=False
                    ).stdout
                assert 'class="up"' in shown
        finally:
            viewer.send_signal(signal.SIGINT)
            assert viewer.wait(10) == 130
    assert system.poll() is None


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())
