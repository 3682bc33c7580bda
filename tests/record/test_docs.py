"""docs/logs.md does what it says."""

import re
from pathlib import Path

import pytest
import yaml

from selfcue.config.decode import decode
from selfcue.config.launch import with_recorder
from selfcue.record.node import RecorderParams
from selfcue.record.standard_topics import STANDARD_TOPICS

TEXT = (Path(__file__).parents[2] / "docs" / "logs.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_python_blocks_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = blocks("python")
    assert len(found) == 2
    for block in found:
        exec(compile(block, "logs.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert "complete" in printed[0]
    assert printed[1] == "imu 250000000 (0.0, 0.0, 9.81)"
    assert len(printed) == 51


def test_the_launch_blocks_decode() -> None:
    short, some, written_out = (
        decode(with_recorder({**yaml.safe_load(block), "processes": {}})["processes"]["recorder"][0]["params"],
               RecorderParams)
        for block in blocks("yaml")[:3]
    )  # fmt: skip
    assert short.chosen() == STANDARD_TOPICS
    assert set(some.chosen()) < set(STANDARD_TOPICS)
    assert (written_out.compression, written_out.split_s) == ("zstd", 600.0)
    assert written_out.chosen()["stereo/left/image"].jpeg == 90
    assert written_out.chosen()["depth/raw"].png == 1
