"""When a process may start again: the policy alone, on a clock that the test moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.config import launch
from selfcue.config.launch import RestartSpec
from selfcue.errors import BadInputError
from selfcue.restart import Restarts

FILE = "restart: {}\nprocesses: {{p: [{{name: n, node: x}}]}}\n"


@pytest.mark.parametrize(
    ("policy", "clean", "what"),
    [
        ("never", False, "fail"), ("never", True, "over"), ("on-failure", False, "again"), ("on-failure", True, "over"),
        ("always", False, "again"), ("always", True, "again"),
    ],
)  # fmt: skip
def test_what_follows_from_an_end(policy: str, clean: bool, what: str) -> None:
    assert Restarts(RestartSpec(policy)).ended(0.0, clean=clean).what == what


def test_waits_double_up_to_the_longest_and_begin_anew_in_a_quiet_window() -> None:
    restarts = Restarts(RestartSpec("on-failure", most=9, window_s=10.0, wait_s=0.5, longest_wait_s=3.0))
    waits = [restarts.ended(now_s, clean=False).wait_s for now_s in (0.0, 1.0, 2.0, 3.0, 4.0)]
    assert waits == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert restarts.ended(30.0, clean=False).wait_s == 0.5
    assert restarts.total == 6


@given(
    ends_s=st.lists(st.floats(0.0, 30.0), min_size=1, max_size=60).map(sorted),
    most=st.integers(1, 6),
    window_s=st.floats(0.5, 20.0),
)
def test_never_more_than_so_many_in_any_window(ends_s: list[float], most: int, window_s: float) -> None:
    restarts = Restarts(RestartSpec("on-failure", most=most, window_s=window_s))
    granted: list[float] = []
    for end_s in ends_s:
        verdict = restarts.ended(end_s, clean=False)
        recent = [at_s for at_s in granted if end_s - at_s <= window_s]
        assert (verdict.what == "again") == (len(recent) < most)
        if verdict.what == "again":
            granted.append(end_s)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{p: sometimes}", "g.yaml:1: restart.p: 'sometimes' is no restart policy; use never, on-failure, always"),
        ("{q: always}", "restart.q: no such process; there is: p"),
        ("{p: {policy: always, mots: 3}}", "restart.p.mots: no such key; did you mean 'most'"),
        ("{p: {policy: always, most: 0}}", "at least 1 restart"),
    ],
)  # fmt: skip
def test_a_wrong_policy_says_where(text: str, says: str) -> None:
    with pytest.raises(BadInputError, match=says):
        launch.parse(FILE.format(text), name="g", origin="g.yaml").resolve({})


def test_lock_step_and_restarts_do_not_go_together() -> None:
    with pytest.raises(BadInputError, match=r"in lock-step a lost process ends the run.*--resume"):
        launch.parse("clock: p/n\n" + FILE.format("{p: always}"), name="g", origin="g.yaml").resolve({})


def test_a_word_alone_is_the_policy() -> None:
    spec, _ = launch.parse(FILE.format("{p: on-failure}"), name="g", origin="g.yaml").resolve({})
    assert spec.restart == {"p": RestartSpec("on-failure")}
