"""Experiments: run once, go on where they stopped, judged by what was measured."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

import pytest

from selfcue.errors import BadInputError
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.reproduction import page, report
from selfcue.learners.offline.reproduction.experiment import Ahead, Arm, Experiment, Published, Reaches, Trial
from selfcue.learners.offline.reproduction.runner import collect, run_experiment

CALLS: list[tuple[str, str, int]] = []


@dataclass(frozen=True)
class Give:
    """An arm that gives a number that depends on the seed."""

    name: str
    level: float
    fail_at: int = field(default=99, repr=False)

    def __call__(self, trial: Trial) -> dict[str, float]:
        if trial.seed == self.fail_at:
            raise KeyboardInterrupt
        CALLS.append((self.name, trial.data, trial.seed))
        assert trial.task == (trial.data, trial.seed)
        return {"score": self.level + trial.seed + (trial.budget.epochs or 0 if trial.budget else 0)}


def experiment(*, fail_at: int = 99, level: float = 3.0) -> Experiment:
    return Experiment(
        name="toy-test",
        title="Is three more than two?",
        data=("a", "b"),
        prepare=lambda data, seed: (data, seed),
        arms=(Arm("three", "ours", Give("three", level)), Arm("two", "baseline", Give("two", 2.0, fail_at))),
        metric="score",
        seeds=3,
        published={"a": Published(4.0, "a book"), "b": Published(None, "a talk")},
        claims=(
            Ahead("ahead", "three", "two", ("a", "b"), by=1.0, surely=True),
            Ahead("far", "three", "two", ("a",), by=1.5),
            Ahead("relative", "three", "two", ("a",), by=0.3, relative=True),
            Reaches("level", "three", "b", 4.0),
            Reaches("below", "two", "b", 2.5, below=True),
        ),
        note="A note.",
    )


@pytest.fixture(autouse=True)
def _fresh():
    CALLS.clear()


def test_every_cell_is_run_once_and_never_again(tmp_path):
    outcome = run_experiment(experiment(), tmp_path, show=False)
    assert len(CALLS) == len(set(CALLS)) == 12
    assert outcome.complete
    run_experiment(experiment(), tmp_path, show=False)
    assert len(CALLS) == 12
    run_experiment(experiment(level=3.5), tmp_path, show=False)  # a changed arm is another run; the other is kept
    assert len(CALLS) == 18
    run_experiment(experiment(), tmp_path, show=False, budget=Budget(epochs=2))
    assert len(CALLS) == 30


def test_claims_are_judged_by_pairs(tmp_path):
    verdicts = {v.id: v for v in run_experiment(experiment(), tmp_path, show=False).verdicts}
    assert (verdicts["ahead"].value, verdicts["ahead"].holds) == (1.0, True)
    assert (verdicts["far"].value, verdicts["far"].holds) == (1.0, False)
    assert verdicts["relative"].value == pytest.approx(1 / 3)
    assert verdicts["relative"].holds
    assert (verdicts["level"].value, verdicts["level"].holds) == (4.0, True)
    assert (verdicts["below"].value, verdicts["below"].holds) == (3.0, False)
    assert verdicts["ahead"].interval is not None
    assert verdicts["ahead"].interval.n == 6


def test_what_was_not_run_holds_nothing(tmp_path):
    outcome = collect(experiment(), tmp_path, seeds=3)
    assert not outcome.complete
    assert [v.holds for v in outcome.verdicts] == [False] * 5
    assert {v.how for v in outcome.verdicts} == {"not run"}


def test_a_run_that_was_stopped_goes_on_and_its_whole_seeds_count(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_experiment(experiment(fail_at=1), tmp_path, show=False)
    before = len(CALLS)
    part = collect(experiment(), tmp_path, seeds=3)
    assert {len(runs) for runs in part.table.values()} == {1}
    outcome = run_experiment(experiment(), tmp_path, show=False)
    assert outcome.complete
    assert len(CALLS) == 12
    assert before == 5


def test_single_data_sets_and_few_seeds_can_be_asked_for(tmp_path):
    run_experiment(experiment(), tmp_path, show=False, only=["b"], seeds=1)
    assert {(data, seed) for _, data, seed in CALLS} == {("b", 0)}
    with pytest.raises(BadInputError, match="no data 'q'; there is: a, b"):
        run_experiment(experiment(), tmp_path, show=False, only=["q"])


def test_the_page_says_what_was_measured_and_what_was_missed(tmp_path):
    outcome = run_experiment(experiment(), tmp_path / "runs", show=False)
    path = report.write(outcome, tmp_path, "abc1234", "2026-01-02")
    assert path.with_suffix(".png").stat().st_size > 5000
    result = json.loads(path.read_text())
    assert [run["score"] for run in result["runs"][:3]] == [3.0, 4.0, 5.0]
    page.write_page(page.read_results(tmp_path), tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "commit abc1234 on 2026-01-02" in text
    assert "| a | **three** | 4 [3, 5] |" in text
    assert "b: not public (a talk)" in text
    assert text.count("**missed**") == 2
    assert "Cut short" not in text
    assert page.short_figures([result]) == {"toy": {"effect": "score a 4, b 4", "status": "3 of 5 claims hold"}}


def test_a_page_of_a_part_says_so(tmp_path):
    outcome = run_experiment(experiment(), tmp_path / "runs", show=False, only=["a"], seeds=1)
    report.write(outcome, tmp_path, "", "2026-01-02")
    page.write_page(page.read_results(tmp_path), tmp_path / "page.md", [("later", "Is it?", "long")])
    text = (tmp_path / "page.md").read_text()
    assert "Cut short" in text
    assert "at commit unknown" in text
    assert "| a | **three** | 3 |" in text
    assert "| `selfcue reproduce later` | Is it? | long |" in text


def test_a_page_of_nothing_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="no results"):
        page.read_results(tmp_path)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(BadInputError, match="not the result"):
        page.read_results(tmp_path)


def test_tables_print_what_is_missing_as_nothing(tmp_path, capsys):
    report.print_outcome(run_experiment(experiment(), tmp_path, show=False, seeds=1))
    printed = capsys.readouterr().out
    assert "nan" not in printed
    assert "missed" in printed
    assert math.isnan(report.rows_of(collect(experiment(), tmp_path, seeds=1))[0]["score"].low)
