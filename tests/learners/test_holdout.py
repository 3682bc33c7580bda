from __future__ import annotations

import dataclasses

import pytest

from selfcue.errors import BadInputError
from selfcue.learners.online.holdout import HoldOut, HoldOutConfig
from tests.learners.conftest import NS, number_lesson


def filled(tmp_path, lessons: int, **settings) -> HoldOut:
    holdout = HoldOut(HoldOutConfig(**settings), tmp_path)
    for i in range(lessons):
        block = holdout.block_of(i * NS // 10, 0)
        if holdout.holds(block):
            holdout.add(number_lesson(i, block=block))
    return holdout


def test_every_tenth_block_of_two_seconds_is_held_out_from_the_start_on(tmp_path):
    holdout = HoldOut(HoldOutConfig(), tmp_path)
    held = [i for i in range(1000) if holdout.holds(holdout.block_of(5 * NS + i * NS // 10, 5 * NS))]
    assert held[:20] == list(range(20, 40))
    assert len(held) == 100


def test_choosing_and_calibrating_never_share_a_block(tmp_path):
    holdout = filled(tmp_path, 2000)
    select = {lesson.block for lesson in holdout.spread("select", 100)}
    calibrate = {lesson.block for lesson in holdout.newest("calibrate", 100)}
    assert select == {1, 21, 41, 61, 81}
    assert calibrate == {11, 31, 51, 71, 91}
    assert holdout.blocks("select") == 5


def test_the_archive_stays_while_the_recent_move_on(tmp_path):
    holdout = filled(tmp_path, 8000, recent=40, archive=20)
    ids = [lesson.id for lesson in holdout.spread("select", 40)]
    assert sum(i < 40 for i in ids) == 10  # the first lessons of the first held-out block
    assert sum(i > 7200 for i in ids) == 20


def test_resumes_and_compacts(tmp_path):
    settings = {"recent": 20, "archive": 20, "compact_factor": 2}
    whole = filled(tmp_path / "a", 6000, **settings)
    part = filled(tmp_path / "b", 3000, **settings)
    state = part.state()
    part.add(dataclasses.replace(number_lesson(99_999), block=1))
    again = HoldOut(part.config, tmp_path / "b")
    again.load_state(state)
    for i in range(3000, 6000):
        block = again.block_of(i * NS // 10, 0)
        if again.holds(block):
            again.add(number_lesson(i, block=block))
    assert [x.id for x in again.spread("select", 16)] == [x.id for x in whole.spread("select", 16)]
    assert again.state().digest() == whole.state().digest()


def test_refuses_settings_that_hold_out_nothing_or_all():
    with pytest.raises(BadInputError, match="0 <= phase < every"):
        HoldOutConfig(every=10, phase=10)
    with pytest.raises(BadInputError, match="every >= 2"):
        HoldOutConfig(every=1, phase=0)
