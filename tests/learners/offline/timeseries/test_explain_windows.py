"""The worked example of docs/explain_windows.md, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfcue import cli
from selfcue.errors import BadInputError
from selfcue.learners.offline.timeseries.picture import draw_explanation
from tests.learners.offline.conftest import recorded
from tests.learners.offline.timeseries.test_timex import bumps

PAGE = (Path(__file__).resolve().parents[4] / "docs/explain_windows.md").read_text(encoding="utf-8")
CODE = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^selfcue .*$", PAGE, re.MULTILINE)


@pytest.mark.slow
def test_the_example_runs_and_its_explanation_is_true(tmp_path, monkeypatch, capsys):
    recorded("har_phone_watch")
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {"__name__": "example"}
    exec(compile(CODE, "explain_windows.md", "exec"), found)
    assert (found["said"] == found["others"].y).mean() > 0.65  # chance: a fifth
    assert found["by_score"] > found["by_chance"] + 0.03
    assert (tmp_path / "why.png").read_bytes()[:4] == b"\x89PNG"
    np.testing.assert_array_equal(found["again"].explain(found["others"]), found["why"].explain(found["others"]))
    assert len(capsys.readouterr().out.splitlines()) == 7

    assert len(COMMANDS) == 2
    for line in COMMANDS:
        words = line.split()[1:]
        if words[0] == "fit":
            words += ["--set", "epochs=1", "--set", "classifier_epochs=1", "--no-progress"]
        assert cli.main(words) == 0
    with np.load(tmp_path / "why.npz", allow_pickle=False) as result:
        assert result["explain"].shape == found["learn"].x.shape


def test_a_picture_shows_one_of_the_windows(tmp_path):
    windows, salient = bumps(8)
    path = draw_explanation(windows, salient.astype(np.float32), 3, tmp_path / "deep/p.png")
    other = draw_explanation(windows, np.zeros(windows.x.shape, np.float32), 3, tmp_path / "q.png")
    assert path.read_bytes() != other.read_bytes()
    with pytest.raises(BadInputError, match="window 8"):
        draw_explanation(windows, salient.astype(np.float32), 8, tmp_path / "p.png")
    with pytest.raises(BadInputError, match=r"scores \(8, 20, 1\)"):
        draw_explanation(windows, salient[..., :1].astype(np.float32), 0, tmp_path / "p.png")
