"""What benchmarks say: claims met or missed, JSON whole, and the page made from nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfcue import cli
from selfcue.benchmarks.page import write_page
from selfcue.benchmarks.result import BenchResult, Claim
from selfcue.errors import BadInputError


def a_result(*, quick: bool = False, holds: bool = False) -> BenchResult:
    claims = [
        Claim("a", "faster than | the wind", ">= 2 x", 2.34567, holds=True, how="once"),
        Claim("b", "never falls", "0", 3.0, holds=holds, how="thrice"),
    ]
    return BenchResult("wind", quick, [{"arm": "x", "m/min": 14.0}, {"arm": "y", "AUC": None}], claims, ["a note"])


def test_a_result_says_whether_every_claim_holds(tmp_path: Path) -> None:
    assert not a_result().holds
    assert a_result(holds=True).holds
    a_result().write(tmp_path / "wind.json")
    whole = json.loads((tmp_path / "wind.json").read_text())
    assert {"name", "commit", "machine", "rows", "claims"} <= set(whole)
    assert whole["claims"][1] == {
        "id": "b", "claim": "never falls", "goal": "0", "value": 3.0, "holds": False, "how": "thrice",
    }  # fmt: skip


def test_the_page_shows_missed_claims_as_missed(tmp_path: Path) -> None:
    a_result().write(tmp_path / "wind.json")
    write_page([tmp_path / "wind.json"], tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert "| holds | faster than \\| the wind | >= 2 x | 2.35 | once |" in page
    assert "| **missed** | never falls | 0 | 3 | thrice |" in page
    assert "| x | 14 |  |" in page


def test_the_page_takes_full_results_alone(tmp_path: Path) -> None:
    a_result(quick=True).write(tmp_path / "wind.json")
    with pytest.raises(BadInputError, match="comes from a quick run"):
        write_page([tmp_path / "wind.json"], tmp_path / "page.md")
    (tmp_path / "wind.json").write_text("{}")
    with pytest.raises(BadInputError, match="not the result of a benchmark"):
        write_page([tmp_path / "wind.json"], tmp_path / "page.md")
    with pytest.raises(BadInputError, match="no results"):
        write_page([], tmp_path / "page.md")


def test_the_command_lists_and_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--list"]) == 0
    assert "first-flight" in capsys.readouterr().out
    assert cli.main(["bench", "wind"]) == 2
    assert "no benchmark 'wind'; there is: first-flight" in capsys.readouterr().err
