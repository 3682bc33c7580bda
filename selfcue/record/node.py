"""The recorder: a node that writes what it hears into the run's log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from selfcue.errors import BadInputError, LossError, UsageError
from selfcue.messages import MESSAGE_TYPES, NEVER_RELIABLE, Image, Message
from selfcue.node import Link, Node
from selfcue.optional import require
from selfcue.qos import MAX_DEPTH, Qos
from selfcue.qos import parse as parse_qos
from selfcue.record import provenance
from selfcue.record.keeping import Keeping, Place
from selfcue.record.recorder import Recorder
from selfcue.record.rules import TopicRule
from selfcue.record.run_log import FOLDER
from selfcue.record.scribe import Snapped, Snapshot
from selfcue.record.standard_topics import STANDARD_TOPICS, Recorded
from selfcue.state import State

RELIABLE = "reliable(256, 0.2 s)"
"""How the recorder hears what may be reliable: a recorder that hangs costs a publisher 0.2 s once, then it is left."""
_COUNTERS = ("counts", "throttled", "lost")


@dataclass(frozen=True)
class RecorderParams(Keeping):
    """Settings of the recorder; those of ``Keeping`` besides.

    Attributes:
        topics: what to record, by topic (see ``Recorded``).
        only: of the topics, those alone that match one of these patterns (``*``, ``?``); empty: all.
        folder: where segments go, relative to the run's folder.
    """

    topics: dict[str, Recorded] = field(default_factory=lambda: dict(STANDARD_TOPICS))
    only: tuple[str, ...] = ()
    folder: str = FOLDER

    def chosen(self) -> dict[str, Recorded]:
        """Return what is recorded. Raises BadInputError where that is nothing."""
        for pattern in self.only:
            if not any(fnmatchcase(topic, pattern) for topic in self.topics):
                raise BadInputError(
                    f"'only' names {pattern!r}, which is none of the topics {', '.join(sorted(self.topics))}; a topic "
                    "of another name stands under 'topics' with its type"
                )
        only = self.only or ("*",)
        found = {name: one for name, one in self.topics.items() if any(fnmatchcase(name, p) for p in only)}
        if not found:
            raise BadInputError("'topics' is empty; name what to record, for example: {imu: {type: Imu}}")
        return found


def checked_rule(topic: str, recorded: Recorded) -> tuple[type[Message], TopicRule]:
    """Return message type and rule of a recorded topic. Raises BadInputError, MissingDependencyError."""
    kind = MESSAGE_TYPES.get(recorded.type)
    if kind is None:
        known = ", ".join(sorted(MESSAGE_TYPES))
        raise BadInputError(f"topic {topic!r} has type {recorded.type!r}, which is not known; known: {known}")
    for name in ("jpeg", "png"):
        if getattr(recorded, name) is not None:
            if kind is not Image:
                raise BadInputError(f"topic {topic!r} carries {recorded.type}; only Image can be stored as {name}")
            require("cv2", extra="vision")
    return kind, TopicRule(recorded.jpeg, recorded.max_hz, recorded.png)


def qos_of(kind: type[Message], asked: str = "") -> Qos:
    """Return how the recorder hears messages of ``kind``: reliably where that may be and nothing else was asked for."""
    if asked:
        return parse_qos(asked)
    return Qos.keep(MAX_DEPTH) if issubclass(kind, NEVER_RELIABLE) else parse_qos(RELIABLE)


class RecorderNode(Node):
    """Writes one segment per start or resume, or more where it splits (see ``run_log``), or holds a ring for snapshots.

    Log time is the system's time at handling. A message that was lost on its way here, that cannot be recorded, or that
    the disk has no room for, is counted by topic and hop; the first is journalled, the log says that it is incomplete,
    and ``deactivate`` raises LossError (exit code 5). Calls: ``NODE/snapshot`` (see ``Snapshot``).
    """

    Params = RecorderParams

    def __init__(self, name: str, params: RecorderParams) -> None:
        super().__init__(name, params)
        self._settings = params
        self._rules: dict[str, TopicRule] = {}
        self._link: Link | None = None
        self._recorder: Recorder | None = None
        self._stepped_ns: int | None = None
        self._before: dict[str, Counter[str]] = {counter: Counter() for counter in _COUNTERS}
        self._journalled: set[str] = set()

    def configure(self, link: Link) -> None:
        self._link = link
        provenance.git_states()  # asks git, and is kept: once messages come, nobody waits for it
        provenance.versions()
        for topic, recorded in self._settings.chosen().items():
            kind, self._rules[topic] = checked_rule(topic, recorded)
            link.subscribe(topic, kind, self._handler(topic), qos=qos_of(kind, recorded.qos))
        link.serve("snapshot", Snapshot, Snapped, self._snapshot)

    def activate(self) -> None:
        if self._recorder is None:
            self._begin(begin_ns=0, throttles=[])

    def load_state(self, state: State) -> None:
        self._stepped_ns = state.meta["stepped_ns"]
        self._before = {counter: Counter(state.meta[counter]) for counter in _COUNTERS}
        begin_ns = 0 if self._stepped_ns is None else self._stepped_ns + 1
        self._begin(begin_ns=begin_ns, throttles=state.meta["throttles"])

    def state(self) -> State:
        """Counts by topic over all segments, and where the throttles stand; all that was heard is in the file then."""
        recorder = self._log
        recorder.flush()
        self._journal_events()
        counters = {counter: dict(sorted(self._total(counter).items())) for counter in _COUNTERS}
        throttles = [list(one) for one in recorder.scribe.throttles]
        return State({**counters, "stepped_ns": self._stepped_ns, "throttles": throttles})

    def step(self, now_ns: int) -> None:
        self._stepped_ns = now_ns
        self._note_drops()
        self._log.tick(now_ns)
        self._journal_events()

    def deactivate(self) -> None:
        if self._recorder is None:
            return
        self._note_drops()
        self._recorder.close()
        self._journal_events()
        loss = self._recorder.scribe.loss
        if loss:
            raise LossError(loss)
        if self._before["lost"]:
            listed = ", ".join(f"{topic} {count}" for topic, count in sorted(self._before["lost"].items()))
            raise LossError(f"{self._settings.folder}: before the run was resumed, messages were lost: {listed}")

    def close(self) -> None:
        if self._recorder is not None:
            self._recorder.close()

    # -- inside ----------------------------------------------------------------------------------------------------

    @property
    def _log(self) -> Recorder:
        if self._recorder is None:
            raise UsageError("the recorder was used before it was activated")
        return self._recorder

    def _begin(self, *, begin_ns: int, throttles: list[tuple[str, str, int]]) -> None:
        if self._link is None:
            raise UsageError("the recorder was activated before it was configured")
        run_dir = self._link.run_dir
        self._recorder = Recorder(
            Place.folder(run_dir / self._settings.folder, run_dir),
            self._settings,
            self._rules,
            threaded=not self._link.lockstep,
            begin_ns=begin_ns,
            throttles=throttles,
        )

    def _handler(self, topic: str) -> Callable[[Message], None]:
        def handle(message: Message) -> None:
            assert self._link is not None
            self._log.take(topic, message, self._link.now_ns())
            if self._link.lockstep:
                self._journal_events()

        return handle

    def _snapshot(self, request: Snapshot) -> Snapped:
        told = self._log.snapshot(request)
        if self._link is not None:
            self._link.journal("snapshot", path=told.path, messages=told.messages, reason=request.reason)
        return told

    def _note_drops(self) -> None:
        """Count what was lost on the way into this process, of the topics that are recorded."""
        if self._link is not None:
            drops = {where: n for where, n in self._link.drops.items() if where.rpartition(" ")[0] in self._rules}
            self._log.note_drops(drops)

    def _journal_events(self) -> None:
        events = self._log.scribe.events
        while events:
            kind, topic, why = events.popleft()
            if self._link is not None and (kind + topic) not in self._journalled:
                self._journalled.add(kind + topic)
                self._link.journal(kind, topic=topic, why=why)

    def _total(self, counter: str) -> Counter[str]:
        """Return a counter over this segment and those before it."""
        now = Counter[str]() if self._recorder is None else getattr(self._recorder.scribe, counter)
        return self._before[counter] + now
