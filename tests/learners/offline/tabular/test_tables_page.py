"""What the page on tables shows works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
PAGE = ROOT / "docs/tables.md"
FOUND = """
ends = [{f"{r['table_a']}.{r['column_a']}", f"{r['table_b']}.{r['column_b']}"} for r in joins]
for pair in ({"drive.stamp_s", "radio.t"}, {"drive.machine", "radio.who"}, {"radio.who", "workshop.label"}):
    assert pair in ends[:4], ends
assert len(together) == 400
assert why["signals"]["contains"] == 1.0
"""


def test_the_code_of_the_page_runs_and_finds_the_joins(tmp_path):
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "shown.py").write_text(code + FOUND)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "shown.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_link_leads_somewhere():
    targets = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", PAGE.read_text())
    assert targets
    assert [target for target in targets if not (PAGE.parent / target).exists()] == []


def test_every_column_of_the_result_is_explained():
    from selfcue.learners.offline.tabular.column_graph import Described
    from selfcue.learners.offline.tabular.column_text import columns_of
    from selfcue.learners.offline.tabular.findings import findings
    from tests.learners.offline.tabular.toy_lake import fleet_lake

    seen = Described.of(columns_of(fleet_lake()))
    (row,) = findings(seen, seen.signals[0], 2.0, least=1, min_uniqueness=0.0)
    explained = set(re.findall(r"`(\w+)`", PAGE.read_text())) | {"uniqueness_b"}
    assert row.keys() - {"table_a", "column_a", "table_b", "column_b"} <= explained
