"""What must not be released under its user."""

from __future__ import annotations

import threading

from selfcue.sensors.guarded import Guarded


def test_a_resource_in_use_is_released_when_its_user_is_done() -> None:
    released: list[str] = []
    held: Guarded[str] = Guarded(released.append)
    held.put("capture")
    with held.use() as resource:
        assert resource == "capture"
        closer = threading.Thread(target=held.close)
        closer.start()
        closer.join()
        assert released == [], "still in use"
    assert released == ["capture"]
    held.close()
    assert released == ["capture"], "once"
    with held.use() as resource:
        assert resource is None


def test_what_comes_after_the_close_is_released_at_once() -> None:
    released: list[str] = []
    held: Guarded[str] = Guarded(released.append)
    held.close()
    held.put("late")
    assert released == ["late"]
