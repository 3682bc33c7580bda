"""Pairing of messages that were measured together on two or more inputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Generic, Literal, TypeVar, cast

from selfcue.errors import BadInputError, UsageError
from selfcue.messages import Message
from selfcue.sensors.message_state import messages_from_state, messages_to_state
from selfcue.state import State

M = TypeVar("M", bound=Message)

_PERIODS_KEPT = 15


@dataclass(frozen=True)
class SyncConfig:
    """How messages are paired.

    Attributes:
        inputs: names of the inputs; the first one leads, every group belongs to one of its messages.
        pairing: ``trigger``: the rig triggers all inputs together, so the n-th messages belong together whatever small
            difference their (arrival) stamps show; stamps only tell where a message is missing. ``stamp``: the nearest
            stamps belong together, and a leading message without a partner within ``max_gap_ms`` is dropped.
        max_gap_ms: largest difference between the leading stamp and a partner's; ``stamp`` only.
        period_ms: expected time between leading messages; used by ``trigger`` until it was measured.
        keep: how many messages may wait on one input; past it the oldest is dropped and counted.
        jump_ms: a message older than the one before by more than this is no late one: the clock of its input was set
            back (or a log began anew), and what waits from before is dropped.
    """

    inputs: tuple[str, ...]
    pairing: Literal["trigger", "stamp"] = "stamp"
    max_gap_ms: float = 2.0
    period_ms: float = 50.0
    keep: int = 32
    jump_ms: float = 1000.0

    def __post_init__(self) -> None:
        if len(self.inputs) < 2 or len(set(self.inputs)) != len(self.inputs):
            raise ValueError(f"a synchroniser needs two or more different inputs, got {self.inputs}")
        if self.pairing not in ("trigger", "stamp"):
            raise ValueError(f"pairing {self.pairing!r} is not known; use trigger or stamp")
        if self.max_gap_ms < 0 or self.period_ms <= 0 or self.keep < 2 or self.jump_ms <= 0:
            raise ValueError(
                f"max_gap_ms {self.max_gap_ms}, period_ms {self.period_ms}, keep {self.keep} and jump_ms "
                f"{self.jump_ms} must be at least 0, above 0, at least 2 and above 0"
            )


class Synchroniser(Generic[M]):
    """Collect messages per input and hand out groups in the leader's order.

    A partner is the waiting message nearest in time to the leader's. It is taken as soon as no later message can be
    nearer (one is there already, or the gap is under half of that input's usual period), so that exact and triggered
    inputs never wait for the next message. Nothing here reads a clock: equal messages give equal groups.
    """

    def __init__(self, config: SyncConfig) -> None:
        self.config = config
        self._queues: dict[str, deque[M]] = {name: deque() for name in config.inputs}
        self._last_ns: dict[str, int] = {}
        self._periods_ns: dict[str, deque[int]] = {name: deque(maxlen=_PERIODS_KEPT) for name in config.inputs}
        self._counts = {"paired": 0, "out_of_order": 0, "jumps": 0}
        for name in config.inputs:
            self._counts[f"received/{name}"] = 0
            self._counts[f"dropped/{name}"] = 0
        self._worst_gap_ns = 0
        self._best_miss_ns: int | None = None

    def add(self, name: str, message: M) -> list[Mapping[str, M]]:
        """Take ``message`` of input ``name`` and return the groups that it completed, oldest first."""
        if name not in self._queues:
            raise UsageError(f"synchroniser: no input {name!r}; there are {', '.join(self.config.inputs)}")
        self._counts[f"received/{name}"] += 1
        last_ns = self._last_ns.get(name)
        if last_ns is not None and message.stamp_ns < last_ns - self.config.jump_ms * 1e6:
            self._begin_anew(name, message.stamp_ns)
        elif last_ns is not None:
            if message.stamp_ns <= last_ns:
                self._counts["out_of_order"] += 1
                self._counts[f"dropped/{name}"] += 1
                return []
            self._periods_ns[name].append(message.stamp_ns - last_ns)
        self._last_ns[name] = message.stamp_ns
        queue = self._queues[name]
        queue.append(message)
        if len(queue) > self.config.keep:
            self._drop_oldest(name)
        return self._complete()

    def _begin_anew(self, name: str, stamp_ns: int) -> None:
        """Drop what waits from before time was set back to ``stamp_ns``; what is on the new time already stays."""
        self._counts["jumps"] += 1
        newest_ns = stamp_ns + self.config.jump_ms * 1e6
        for other, queue in self._queues.items():
            kept = [] if other == name else [message for message in queue if message.stamp_ns <= newest_ns]
            self._counts[f"dropped/{other}"] += len(queue) - len(kept)
            self._queues[other] = deque(kept)

    def begin_anew(self) -> None:
        """Drop all that waits: what comes next does not belong to it, for time jumped (see ``Node.jumped``)."""
        self._counts["jumps"] += 1
        for name, queue in self._queues.items():
            self._counts[f"dropped/{name}"] += len(queue)
            queue.clear()
        self._last_ns.clear()

    @property
    def counts(self) -> dict[str, int]:
        """Counters: ``paired``, ``out_of_order``, ``jumps``, and ``received/INPUT`` and ``dropped/INPUT`` for each."""
        return dict(self._counts)

    @property
    def best_miss_ms(self) -> float | None:
        """The smallest gap that was refused, or None where none was: shows whether the limit is merely too tight."""
        return None if self._best_miss_ns is None else self._best_miss_ns / 1e6

    @property
    def rates_hz(self) -> dict[str, float | None]:
        """The usual rate of each input by its stamps; None before its second message."""
        return {
            name: 1e9 / median(periods) if (periods := self._periods_ns[name]) else None for name in self.config.inputs
        }

    def explain(self) -> str:
        """Return one line that says what was paired, what was not, by how much it missed, and why nothing came out."""
        rates = {name: "" if hz is None else f" ({hz:.3g} Hz)" for name, hz in self.rates_hz.items()}
        received = ", ".join(f"{name} {self._counts[f'received/{name}']}{rates[name]}" for name in self.config.inputs)
        dropped = ", ".join(f"{name} {self._counts[f'dropped/{name}']}" for name in self.config.inputs)
        line = (
            f"pairing {self.config.pairing} (limit {self._limit_ns() / 1e6:.3g} ms): {self._counts['paired']} groups "
            f"from {received}; dropped {dropped}; widest accepted gap {self._worst_gap_ns / 1e6:.3g} ms"
        )
        if self._best_miss_ns is not None:
            line += f"; nearest refused {self._best_miss_ns / 1e6:.3g} ms"
        for count, words in (("out_of_order", "out of order"), ("jumps", "times a clock was set back")):
            if self._counts[count]:
                line += f"; {self._counts[count]} {words}"
        why = self.why_nothing()
        return f"{line}; {why}" if why else line

    def why_nothing(self) -> str:
        """Return why no group came out so far, and what may help; empty where one did, or where all is silent yet."""
        silent = [name for name in self.config.inputs if not self._counts[f"received/{name}"]]
        if silent:
            return f"nothing came on {', '.join(silent)}"
        if self._counts["paired"]:
            return ""
        newest = {name: self._last_ns[name] for name in self.config.inputs}
        ahead, behind = max(newest, key=newest.__getitem__), min(newest, key=newest.__getitem__)
        apart_ns = newest[ahead] - newest[behind]
        if apart_ns > self.config.keep * max(self._period_ns(ahead), self._period_ns(behind)):
            return f"{ahead} is {apart_ns / 1e9:.3g} s ahead of {behind}: are their stamps on one clock?"
        if apart_ns > self._period_ns(behind):
            return f"{behind} has not come as far as {ahead} yet"
        if self._best_miss_ns is not None and self._best_miss_ns > self._limit_ns():
            return (
                f"no pair is near enough: allow max_gap_ms {self._best_miss_ns / 1e6:.3g} or more, or pairing trigger "
                "where one signal triggers all"
            )
        return ""

    def state(self) -> State:
        parts = {f"queue{i}": messages_to_state(list(self._queues[name])) for i, name in enumerate(self.config.inputs)}
        meta = {
            "last_ns": dict(self._last_ns),
            "periods_ns": {name: list(periods) for name, periods in self._periods_ns.items()},
            "counts": dict(self._counts),
            "worst_gap_ns": self._worst_gap_ns,
            "best_miss_ns": self._best_miss_ns,
        }
        return State(meta).nested(**parts)

    def load_state(self, state: State) -> None:
        if set(state.meta["periods_ns"]) != set(self.config.inputs):
            found = ", ".join(state.meta["periods_ns"])
            raise BadInputError(
                f"the saved synchroniser has inputs {found}, this one {', '.join(self.config.inputs)}; "
                "resume with the settings that the run began with"
            )
        for i, name in enumerate(self.config.inputs):
            self._queues[name] = deque(cast("list[M]", messages_from_state(state.part(f"queue{i}"))))
            self._periods_ns[name] = deque(state.meta["periods_ns"][name], maxlen=_PERIODS_KEPT)
        self._last_ns = dict(state.meta["last_ns"])
        self._counts |= state.meta["counts"]
        self._worst_gap_ns = state.meta["worst_gap_ns"]
        self._best_miss_ns = state.meta["best_miss_ns"]

    def _limit_ns(self) -> int:
        if self.config.pairing == "stamp":
            return round(self.config.max_gap_ms * 1e6)
        return self._period_ns(self.config.inputs[0]) // 2

    def _period_ns(self, name: str) -> int:
        periods = self._periods_ns[name]
        return int(median(periods)) if periods else round(self.config.period_ms * 1e6)

    def _complete(self) -> list[Mapping[str, M]]:
        groups: list[Mapping[str, M]] = []
        leader, partners = self.config.inputs[0], self.config.inputs[1:]
        while self._queues[leader]:
            lead = self._queues[leader][0]
            found: dict[str, int] = {}
            missed = False
            for name in partners:
                index = self._partner(name, lead.stamp_ns)
                if index is None:
                    missed |= self._cannot_come(name, lead.stamp_ns)
                else:
                    found[name] = index
            if missed:
                self._drop_oldest(leader)
                continue
            if len(found) < len(partners):
                break
            groups.append(self._take(lead, found))
        self._forget_stale()
        return groups

    def _partner(self, name: str, lead_ns: int) -> int | None:
        """Return the place in the queue of the message that belongs to ``lead_ns``, if that is settled already."""
        queue = self._queues[name]
        if not queue:
            return None
        index = min(range(len(queue)), key=lambda i: abs(queue[i].stamp_ns - lead_ns))
        gap_ns = abs(queue[index].stamp_ns - lead_ns)
        if gap_ns > self._limit_ns():
            if queue[index].stamp_ns > lead_ns:
                self._note_miss(gap_ns)
            return None
        is_newest = index == len(queue) - 1
        may_come_nearer = is_newest and queue[index].stamp_ns < lead_ns and 2 * gap_ns > self._period_ns(name)
        return None if self.config.pairing == "stamp" and may_come_nearer else index

    def _cannot_come(self, name: str, lead_ns: int) -> bool:
        """Tell whether input ``name`` is past ``lead_ns`` by more than the limit, so that no partner will come."""
        queue = self._queues[name]
        return bool(queue) and queue[-1].stamp_ns > lead_ns + self._limit_ns()

    def _take(self, lead: M, found: dict[str, int]) -> Mapping[str, M]:
        group: dict[str, M] = {self.config.inputs[0]: self._queues[self.config.inputs[0]].popleft()}
        for name, index in found.items():
            for _ in range(index):
                self._drop_oldest(name)
            group[name] = self._queues[name].popleft()
            self._worst_gap_ns = max(self._worst_gap_ns, abs(group[name].stamp_ns - lead.stamp_ns))
        self._counts["paired"] += 1
        return group

    def _forget_stale(self) -> None:
        """Drop partners that are too old for any leader that may still come."""
        leader = self.config.inputs[0]
        newest_ns = self._last_ns.get(leader)
        if newest_ns is None:
            return
        oldest_ns = self._queues[leader][0].stamp_ns if self._queues[leader] else newest_ns
        for name in self.config.inputs[1:]:
            queue = self._queues[name]
            while queue and queue[0].stamp_ns < oldest_ns - self._limit_ns():
                self._note_miss(oldest_ns - queue[0].stamp_ns)
                self._drop_oldest(name)

    def _drop_oldest(self, name: str) -> None:
        self._queues[name].popleft()
        self._counts[f"dropped/{name}"] += 1

    def _note_miss(self, gap_ns: int) -> None:
        self._best_miss_ns = gap_ns if self._best_miss_ns is None else min(self._best_miss_ns, gap_ns)
