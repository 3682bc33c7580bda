"""Messages that come by several ways: in order, none twice, and every loss counted once where it happened."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.transport.order import CHANGE_S, JOIN_S, LINK_S, Item, Order
from selfcue.transport.wire import Label

KEY = ("host", "t")


def item(count: int, way: str, *, number: int = 0, skipped: int = 0, lost_at: str = "") -> Item[int]:
    what = None if lost_at else count
    return Item("host", "t", count, way, what, None if way == "pub" else Label(number, skipped), lost_at)


def fresh(seen: int = 0) -> tuple[Order[int], dict[str, int]]:
    drops: dict[str, int] = {}
    return Order({KEY: seen} if seen >= 0 else {}, drops), drops


@given(st.lists(st.sampled_from(["bell", "link", "skip"]), min_size=1, max_size=30), st.data())
@settings(max_examples=300)
def test_any_mixture_of_bell_and_link_comes_out_whole_and_in_order(ways: list[str], data: st.DataObject) -> None:
    """The bell is at once, a link is slow: each way keeps its own order, and the two race."""
    order, drops = fresh()
    by_link = skipped = 0
    bell: list[Item[int]] = []
    link: list[Item[int]] = []
    for count, way in enumerate(ways, 1):
        if way == "skip":
            skipped += 1
        elif way == "bell":
            bell.append(item(count, "bell", number=by_link, skipped=skipped))
        else:
            by_link += 1
            link.append(item(count, "link", number=by_link, skipped=skipped))
    out: list[int] = []
    while bell or link:
        # What was rung before something was sent is there before it.
        first_link = link[0].count if link else 10**9
        take_bell = bool(bell) and (bell[0].count < first_link or data.draw(st.booleans()))
        out += order.admit((bell if take_bell or not link else link).pop(0), now=0.0)
    out += order.overdue(now=LINK_S)
    assert out == [count for count, way in enumerate(ways, 1) if way != "skip"]
    trailing = next((i for i, way in enumerate(reversed(ways)) if way != "skip"), len(ways))
    assert drops == ({"t publisher": skipped - trailing} if skipped > trailing else {})


@given(st.lists(st.sampled_from(["pub", "lost", "ring"]), max_size=30))
def test_each_loss_is_counted_once_where_it_happened(fates: list[str]) -> None:
    order, drops = fresh()
    fates = [*fates, "pub"]
    out: list[int] = []
    for count, fate in enumerate(fates, 1):
        if fate != "lost":
            out += order.admit(item(count, "pub", lost_at="ring" if fate == "ring" else ""))
    assert out == [count for count, fate in enumerate(fates, 1) if fate == "pub"]
    assert drops.get("t socket", 0) == fates.count("lost")
    assert drops.get("t ring", 0) == fates.count("ring")
    assert not order.holding


def test_a_topic_that_becomes_big_waits_for_its_last_small_one() -> None:
    order, drops = fresh(1)
    assert order.admit(item(2, "pub"), now=0.0) == [2]
    assert order.admit(item(4, "bell"), now=0.0) == []
    assert order.admit(item(5, "bell"), now=0.0) == []
    assert order.overdue(now=CHANGE_S / 2) == []
    assert order.admit(item(3, "pub"), now=0.01) == [3, 4, 5]
    assert drops == {}
    assert not order.holding


def test_a_wait_has_an_end_and_then_it_is_a_loss() -> None:
    order, drops = fresh(1)
    order.admit(item(2, "pub"), now=0.0)
    assert order.admit(item(4, "bell"), now=0.0) == []
    assert order.overdue(now=CHANGE_S) == [4]
    assert drops == {"t socket": 1}
    assert order.admit(item(3, "pub"), now=0.2) == []
    assert order.replayed == 1


def test_who_joins_late_counts_no_loss_and_waits_a_moment_for_what_was_before() -> None:
    order, drops = fresh(-1)
    assert order.admit(item(8, "bell"), now=0.0) == []
    assert order.admit(item(7, "pub"), now=0.0) == []
    assert order.overdue(now=JOIN_S) == [7, 8]
    assert order.admit(item(9, "bell"), now=0.0) == [9]
    assert drops == {}


def test_what_was_handed_out_or_waits_is_not_handed_out_again() -> None:
    order, drops = fresh(5)
    assert order.admit(item(5, "pub")) == []
    assert order.admit(item(7, "bell", number=1), now=0.0) == []
    assert order.admit(item(7, "bell", number=1), now=0.0) == []
    assert order.replayed == 2
    assert order.admit(item(6, "link", number=1), now=0.0) == [6, 7]
    assert drops == {}
