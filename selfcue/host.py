"""A host runs one process of a system: it makes the nodes, joins the bus, and walks them through their life."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import numpy as np
import zmq

from selfcue import clock_exchange, lockstep, plugins, snapshot
from selfcue.bus import Bus
from selfcue.calls import Desk
from selfcue.cell import Cell
from selfcue.clock import Pacer, TickClock, WallClock
from selfcue.config.decode import decode
from selfcue.config.launch import NodeSpec
from selfcue.directory import Directory
from selfcue.errors import BadInputError, SelfcueError
from selfcue.foreign import ForeignClocks
from selfcue.health import SIGN_TOPIC
from selfcue.lockstep import Activate, Conductor, Follower, Inflow, Stop, Stopped, Tick
from selfcue.messages import JournalEvent, Message, type_name
from selfcue.node import ClockOwner, Node
from selfcue.params import ParamDesk
from selfcue.qos import Qos
from selfcue.reporter import UNCOUNTED, Reporter
from selfcue.state import State
from selfcue.system import System

MEET_TIMEOUT_S = 60.0
MEET_AGAIN_S = 2.0
PATIENCE_S = 60.0
_CALLS_S = 0.02
"""A clock's owner that waits for its next tick looks so often for calls."""
MAX_SIGNS = 256
_log = logging.getLogger(__name__)


class Host:
    """One process (or, in one-process runs, one thread) of a system.

    ``stop`` and ``abort`` are all that another thread or a signal handler touches: after ``stop`` the owner of the
    clock still ends its tick, snapshots and stops all others; after ``abort`` every wait ends at once.

    Args:
        again: the process was here before and died: it joins those that are there and waits for nobody.
        sharers: how many hosts live in this operating-system process.
    """

    def __init__(
        self,
        system: System,
        process: str,
        run_dir: Path,
        directory: Directory,
        *,
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
        again: bool = False,
        sharers: int = 1,
    ) -> None:
        self.stop = threading.Event()
        self.abort = threading.Event()
        self._conducting = False
        self._again, self._sharers = again, sharers
        self._system, self._process, self._run_dir, self._directory = system, process, run_dir, directory
        self._context = context or zmq.Context.instance()
        self._bus: Bus | None = None
        self._inflow = Inflow(process, [])
        self._control: zmq.Socket[bytes] | None = None
        self._clock: TickClock | WallClock = TickClock() if system.owner else WallClock(system.wall_offset_ns)
        self._cell = Cell(clock=self._clock, run_dir=run_dir, lockstep=bool(system.owner), outlet=self._send)
        self._desk: Desk | None = None
        self._params = ParamDesk(self._cell.nodes, self._journal_param)
        self._node_hz = {} if system.owner else {spec.name: spec.rate_hz for spec in system.spec.processes[process]}
        self._foreign = ForeignClocks(self._clock) if process in system.spec.reach and not system.owner else None
        self._reporter = Reporter(process, self._cell, self._node_hz, sharers=sharers, foreign=self._foreign)
        self._resumed: tuple[Tick, list[tuple[str, Message]]] | None = None

    @property
    def leads(self) -> bool:
        """Whether an interrupt is this host's business: all are told on the wall's clock, in lock-step its owner is."""
        return self._system.owner is None or self._system.owner[0] == self._process

    def run(self) -> None:
        """Live from configure to close. Raises what a node raised; everything is closed in any case."""
        try:
            for spec in self._system.spec.processes[self._process]:
                self._cell.add(make_node(spec, self._system.origin, self._process), spec.remap, spec.qos)
            self._join()
            if self._system.owner is None:
                self._live()
            elif self._system.owner[0] == self._process:
                self._own(self._system.owner[1])
            else:
                self._follow()
        except Stopped:
            pass
        finally:
            try:
                self._cell.deactivate()
            finally:
                if self._control is not None:
                    self._control.close(linger=0)
                if self._desk is not None:
                    self._desk.close()
                if self._bus is not None:
                    self._bus.close()

    # -- joining ---------------------------------------------------------------------------------------------------

    def _join(self) -> None:
        self._bus = Bus(
            self._process,
            self._directory,
            context=self._context,
            reach=self._system.spec.reach.get(self._process),
            clock=self._clock.domain,
        )
        self._cell.bus_drops = self._bus.drops
        for topic in self._cell.subscriptions:
            self._bus.subscribe(topic, self._cell.qos(topic))
        if self._foreign is not None:
            self._bus.subscribe(SIGN_TOPIC, Qos.keep(MAX_SIGNS))
        self._inflow = Inflow(self._process, [topic for topic in self._cell.subscriptions if topic not in UNCOUNTED])
        endpoint = ""
        if self._system.owner and self._system.owner[0] == self._process:
            self._control = self._context.socket(zmq.ROUTER)
            endpoint = self._directory.endpoint(self._process, "clock")
            self._control.bind(endpoint)
        if self._system.resume:
            self._load()
        self._desk = Desk(self._directory.endpoint(self._process, "calls"), context=self._context)
        services = {**self._params.services, **self._cell.services}
        if self._system.owner is None:
            services[f"{self._process}/{clock_exchange.CALL}"] = clock_exchange.clock_service(self._clock)
        for name, service in services.items():
            self._desk.serve(name, service)
        self._bus.enter(
            {topic: type_name(kind) for topic, kind in [*self._cell.topics.items(), *self._reporter.topics]},
            clock=endpoint,
            desk=self._desk.endpoint,
            calls=self._desk.types,
            nodes=tuple(node.name for node in self._cell.nodes),
            run_dir=str(self._run_dir.resolve()),
        )
        others = set(self._system.spec.processes) - {self._process}
        if self._again:
            self._meet_who_is_there(others)
        else:
            self._bus.meet(others, timeout_s=MEET_TIMEOUT_S, stop=self.stop)
        self._check_stop()

    def _meet_who_is_there(self, others: set[str]) -> None:
        """After a restart: hear those that answer now. One that is gone or hangs must not keep this one down."""
        assert self._bus is not None
        present = others & {card.name for card in self._directory.cards()}
        try:
            self._bus.meet(present, timeout_s=MEET_AGAIN_S, stop=self.stop)
        except SelfcueError as error:
            _log.warning("went on without them: %s", error)

    def _load(self) -> None:
        state = snapshot.read_part(self._run_dir, self._system.resume, self._process)
        assert self._bus is not None
        inbox = self._cell.load_state(state.part("cell"))
        self._bus.sent.update(state.meta["sent"])
        self._inflow.taken = {(process, topic): number for process, topic, number in state.meta["taken"]}
        self._bus.seen.update(self._inflow.taken)
        for topic, frames in state.meta["latched"].items():
            self._bus.latched[topic] = [state.arrays[f"latched/{topic}/{i}"].tobytes() for i in range(frames)]
        self._params.restore(state.meta.get("params", {}))
        tick = Tick(state.meta["k"], state.meta["now_ns"], state.meta["counts"])
        self._resumed = (tick, inbox)

    # -- lock-step -------------------------------------------------------------------------------------------------

    def _own(self, node_name: str) -> None:
        assert self._control is not None
        owner = next(node for node in self._cell.nodes if node.name == node_name)
        if not isinstance(owner, ClockOwner):
            raise BadInputError(f"{self._system.origin}: clock: node {node_name!r} cannot own the clock")
        conductor = Conductor(self._control, set(self._system.spec.processes) - {self._process}, self._wait)
        conductor.await_ready()
        self._conducting = True
        owner.pacer.rate = self._system.spec.rate
        k = self._resumed[0].k if self._resumed else 0
        if self._resumed is None:
            conductor.send(Activate())
            self._cell.activate()
            conductor.await_acks(-1)
        else:
            conductor.counts = {p: c for p, c in self._resumed[0].counts.items() if p != self._process}
        last_snapshot_ns = self._resumed[0].now_ns if self._resumed else 0
        while True:
            stopping = self.stop.is_set()
            now_ns = self._resumed[0].now_ns if self._resumed else owner.next_tick_ns()
            if now_ns is None:
                break
            if not self._pace(owner.pacer, now_ns) and not stopping and self._resumed is None:
                continue  # a call may have changed what comes next
            due = self._system.spec.snapshot_s > 0 and now_ns - last_snapshot_ns >= self._system.spec.snapshot_s * 1e9
            name = snapshot.name_of(k) if (due or stopping) and self._resumed is None else ""
            last_snapshot_ns = now_ns if name else last_snapshot_ns
            tick = Tick(k, now_ns, {**conductor.counts, self._process: self._counts()}, name)
            conductor.send(tick)
            self._tick(tick)
            self._cell.think(now_ns)
            self._conclude(conductor, tick)
            k += 1
            if stopping:
                break
        self._settle(conductor)

    def _settle(self, conductor: Conductor) -> None:
        """End the run: everyone still hears what the last tick published."""
        stop = Stop(
            "interrupted" if self.stop.is_set() else "done", {**conductor.counts, self._process: self._counts()}
        )
        conductor.send(stop)
        self._cell.settle(self._gather(stop))

    def _conclude(self, conductor: Conductor, tick: Tick) -> None:
        conductor.await_acks(tick.k)
        if tick.snapshot:
            snapshot.finish(self._run_dir, tick.snapshot)

    def _pace(self, pacer: Pacer, now_ns: int) -> bool:
        """Wait until the tick at ``now_ns`` is due; return False where a call was answered or the run stopped before.

        What a call publishes then belongs to the tick before, and is heard in the next.
        """
        deadline = time.monotonic() + pacer.wait_s(now_ns)
        while (left := deadline - time.monotonic()) > 0:
            if self.stop.is_set():
                return False
            self._take_in(min(left, _CALLS_S))
            if self._answer_calls():
                return False
            self._reporter.report(self._bus)
        pacer.passed(now_ns)
        return True

    def _follow(self) -> None:
        self._control = self._context.socket(zmq.DEALER)
        self._control.connect(self._find_clock())
        follower = Follower(self._control, self._process, self._wait)
        follower.ready()
        while True:
            order = follower.next_order()
            if isinstance(order, Stop):
                self._cell.settle(self._gather(order))
                return
            if isinstance(order, Activate):
                self._cell.activate()
                follower.acknowledge(-1, self._counts())
            else:
                self._tick(order)
                follower.acknowledge(order.k, self._counts())
                self._cell.think(order.now_ns)

    def _find_clock(self) -> str:
        """Return where the clock's owner takes part; if it is gone again, the supervisor knows why and stops us."""
        assert self._system.owner is not None
        while True:
            for card in self._directory.cards():
                if card.name == self._system.owner[0] and card.clock:
                    return card.clock
            self._take_in(0.1)

    def _tick(self, tick: Tick) -> None:
        assert isinstance(self._clock, TickClock)
        inbox = self._resumed[1] if self._resumed else self._gather(tick)
        self._resumed = None
        if tick.snapshot:
            snapshot.write_part(self._run_dir, tick.snapshot, self._process, self._state(tick, inbox))
        self._clock.advance(tick.now_ns)
        self._answer_calls()  # after the snapshot: what a call publishes belongs to this tick
        self._reporter.heard(inbox)
        self._cell.tick(tick.now_ns, inbox)
        self._reporter.report(self._bus)

    def _gather(self, order: Tick | Stop) -> list[tuple[str, Message]]:
        deadline = time.monotonic() + PATIENCE_S
        while not self._inflow.complete(order.counts):
            self._take_in(0.1)
            if time.monotonic() > deadline:
                raise SelfcueError(f"lost on the way: {', '.join(self._inflow.missing(order.counts))}")
        return self._inflow.take(order.counts) + self._cell.take_pending()

    def _state(self, tick: Tick, inbox: list[tuple[str, Message]]) -> State:
        assert self._bus is not None
        latched = self._bus.latched
        arrays = {
            f"latched/{topic}/{i}": np.frombuffer(frame, dtype=np.uint8)
            for topic, frames in latched.items()
            for i, frame in enumerate(frames)
        }
        meta = {
            "k": tick.k,
            "now_ns": tick.now_ns,
            "counts": tick.counts,
            "sent": {topic: number for topic, number in self._bus.sent.items() if topic not in UNCOUNTED},
            "taken": [[process, topic, number] for (process, topic), number in sorted(self._inflow.taken.items())],
            "latched": {topic: len(frames) for topic, frames in latched.items()},
            "params": self._params.changed,
        }
        return State(meta, arrays).nested(cell=self._cell.state(inbox))

    def _counts(self) -> lockstep.Counts:
        assert self._bus is not None
        return {topic: self._bus.sent.get(topic, 0) for topic in self._cell.topics}

    # -- live ------------------------------------------------------------------------------------------------------

    def _live(self) -> None:
        assert self._bus is not None
        assert self._desk is not None
        self._bus.watch(self._desk.socket)
        self._cell.activate()
        due = {node.name: time.monotonic() for node in self._cell.nodes}
        while not self.stop.is_set():
            left = min(due.values()) - time.monotonic()
            came = self._bus.poll(max(0.0, min(left, 0.1)))
            if self._foreign is not None:
                self._foreign.heard(came)
            inbox = [(one.topic, one.message) for one in came] + self._cell.take_pending()
            self._reporter.heard(inbox)
            self._cell.deliver(self._cell.newest(inbox))
            self._answer_calls()
            for node in self._cell.nodes:
                now = time.monotonic()
                if now >= due[node.name]:
                    self._cell.step(node, self._clock.now_ns())
                    self._reporter.vitals.stepped(node.name, self._clock.now_ns())
                    period_s = 1.0 / self._node_hz[node.name]
                    due[node.name] = max(due[node.name] + period_s, now)  # a late step is not made up for
            self._cell.think(self._clock.now_ns())
            self._reporter.report(self._bus)
            self._bus.connect_present(every_s=0.5)
            self._bus.forget_gone()

    # -- shared ----------------------------------------------------------------------------------------------------

    def _send(self, topic: str, message: Message, latched: bool) -> None:
        if self._bus is not None:
            self._bus.publish(topic, message, latched=latched)
            self._reporter.vitals.published(topic, self._clock.now_ns())

    def _answer_calls(self) -> int:
        return self._desk.answer() if self._desk is not None else 0

    def _journal_param(self, node: Node, name: str, value: object) -> None:
        plain = value if isinstance(value, str | int | float | bool) else str(value)
        event = JournalEvent(
            stamp_ns=self._clock.now_ns(), kind="param", detail={"node": node.name, "name": name, "value": plain}
        )
        self._cell.publish(node, "journal", event, latched=False)

    def _take_in(self, timeout_s: float) -> None:
        assert self._bus is not None
        self._inflow.put(self._bus.poll(timeout_s))
        self._check_stop()

    def _wait(self, control: zmq.Socket[bytes], timeout_s: float) -> bool:
        """Wait on the control socket; the bus is served meanwhile (see lockstep.Waiter)."""
        assert self._bus is not None
        if control.poll(0):
            return True
        if self._bus.wait(control, timeout_s):
            self._inflow.put(self._bus.poll(0))
        self._check_stop()
        return bool(control.poll(0))

    def _check_stop(self) -> None:
        """The owner is not stopped in the middle of a tick; the others stop when it tells them, or on abort."""
        if self.abort.is_set() or (self.stop.is_set() and not self._conducting):
            raise Stopped


def make_node(spec: NodeSpec, origin: str, process: str) -> Node:
    """Return the node that ``spec`` describes, settings checked. Raises BadInputError, MissingDependencyError."""
    where = f"{origin}: processes.{process}.{spec.name}"
    try:
        kind = plugins.load(plugins.NODES, spec.node)
        params = decode(spec.params, kind.Params, "params")
        node: Node = kind(spec.name, params)
    except (ValueError, BadInputError) as error:
        raise BadInputError(f"{where}: {error}") from error
    return node
