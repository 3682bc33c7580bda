"""The depth learner's node: the student says depth for each picture, and learns from the trusted depth that follows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from selfcue.corridor import Intrinsics, Size, estimate_score, intrinsics_of
from selfcue.errors import BadInputError
from selfcue.learners.online.budget import Budget, CpuShare, StepsPerLesson
from selfcue.learners.online.checkpoint import load_weights, save_weights
from selfcue.learners.online.depth.params import DepthLearnerParams
from selfcue.learners.online.depth.sizes import DepthSizes, sizes_for
from selfcue.learners.online.depth.students import DepthStudent, make_student
from selfcue.learners.online.depth.teacher import DepthTeacher
from selfcue.learners.online.engine import Engine
from selfcue.learners.online.interfaces import Sample
from selfcue.messages import CameraInfo, Estimate, Image, JournalEvent, LearnerStatus, Trust, TrustLevel
from selfcue.node import Link, Node
from selfcue.sensors.message_state import messages_from_state, messages_to_state
from selfcue.state import State


@dataclass(frozen=True)
class Seen:
    """A picture that waits for its trusted depth.

    Attributes:
        index: counts pictures from 0.
        image: the picture.
        student: what the student said of it, before it could learn from it.
    """

    index: int
    image: Image
    student: Estimate


class DepthLearnerNode(Node):
    """Runs the depth pair on the bus.

    Topics in: ``stereo/left/image`` (Image, 8-bit), ``stereo/left/camera_info``, ``depth/trusted`` (Estimate, stamped
    like the picture it belongs to), ``trust/stereo`` (Trust), ``journal`` (kind ``override``).

    Topics out: ``depth/student`` (Estimate, for every picture at once), ``depth/status`` (LearnerStatus), and on the
    journal ``promotion``, ``rollback``, ``ready``, ``unready``, ``drift``, ``freeze``, ``checkpoint`` and the points of
    the learning curve, ``skill``.

    Files in ``run_dir / NAME``: the replay memory, and the deployed weights as ``student.safetensors`` with
    ``student.json`` beside it.
    """

    Params = DepthLearnerParams
    params: DepthLearnerParams

    def __init__(self, name: str, params: DepthLearnerParams) -> None:
        super().__init__(name, params)
        self._notes: list[tuple[str, dict[str, str | int | float | bool]]] = []
        self._engine: Engine | None = None
        self._student: DepthStudent | None = None
        self._teacher: DepthTeacher | None = None
        self._start_weights: State | None = None
        self._info: CameraInfo | None = None
        self._trust: TrustLevel = "lost"  # nobody has said otherwise yet
        self._waiting: deque[Seen] = deque()
        self._trusted: list[Estimate] = []
        self._pictures = 0
        self._first_ns: int | None = None
        self._status_ns: int | None = None
        self._saved_ns: int | None = None

    # -- life ------------------------------------------------------------------------------------------------------

    def configure(self, link: Link) -> None:
        """Wire up; read the start weights. Raises BadInputError or MissingDependencyError."""
        self._link = link
        self._folder = link.run_dir / self.name
        if self.params.weights:
            self._start_weights = load_weights(Path(self.params.weights))
        self._out = link.advertise("depth/student", Estimate)
        self._status = link.advertise("depth/status", LearnerStatus)
        link.subscribe("stereo/left/camera_info", CameraInfo, self._on_info, keep=1)
        link.subscribe("stereo/left/image", Image, self._on_image, keep=1)
        link.subscribe("depth/trusted", Estimate, self._on_trusted, keep=2)
        link.subscribe("trust/stereo", Trust, self._on_trust, keep=1)
        link.subscribe("journal", JournalEvent, self._on_journal)

    def step(self, now_ns: int) -> None:
        """Say what came of the learning since the last step, and how it goes."""
        self._tell()
        if self._engine is None:
            return
        learn_s = self.params.learn_until_s
        if learn_s is not None and self._first_ns is not None and now_ns - self._first_ns > learn_s * 1e9:
            self._engine.freeze(f"learned for {learn_s:g} s")
        if self._status_ns is None or now_ns - self._status_ns >= 1e9 / self.params.status_hz:
            self._status_ns = now_ns
            self._status.publish(self._engine.status(now_ns))
        if self._saved_ns is None:
            self._saved_ns = now_ns
        if now_ns - self._saved_ns >= self.params.checkpoint_s * 1e9:
            self._saved_ns = now_ns
            self._save()

    def think(self, now_ns: int) -> None:  # noqa: ARG002 - learning asks no clock
        """Learn from the trusted depth that came, with the trust that came with it."""
        for trusted in self._trusted:
            self._learn(trusted)
        self._trusted.clear()

    def deactivate(self) -> None:
        self._tell()
        if self._engine is not None:
            self._status.publish(self._engine.status(self._link.now_ns()))
            self._save()

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    # -- messages --------------------------------------------------------------------------------------------------

    def _on_info(self, info: CameraInfo) -> None:
        self._info = info
        if self._teacher is not None:
            self._teacher.camera = self._camera()

    def _on_trust(self, trust: Trust) -> None:
        self._trust = trust.level

    def _on_journal(self, event: JournalEvent) -> None:
        if event.kind == "override" and self._engine is not None:
            self._engine.override(event.stamp_ns)

    def _on_trusted(self, trusted: Estimate) -> None:
        self._trusted.append(trusted)  # its trust comes in the same tick, perhaps after it

    def _on_image(self, image: Image) -> None:
        if image.data.dtype != "uint8":
            raise BadInputError(f"stereo/left/image is {image.encoding!r}; the student needs rgb8 or mono8")
        if self._engine is None:
            channels = 3 if self.params.colour and image.data.ndim == 3 else 1
            self._engine = self._build(
                sizes_for(image.width, image.height, channels, max_width=self.params.max_width_px)
            )
        if self._first_ns is None:
            self._first_ns = image.stamp_ns
        student = self._engine.estimate(Sample(image.stamp_ns, {"image": image}))
        self._out.publish(student)
        self._waiting.append(Seen(self._pictures, image, student))
        self._pictures += 1
        while image.stamp_ns - self._waiting[0].image.stamp_ns > self.params.buffer_s * 1e9:
            self._waiting.popleft()

    # -- learning --------------------------------------------------------------------------------------------------

    def _learn(self, trusted: Estimate) -> None:
        seen = next((seen for seen in self._waiting if seen.image.stamp_ns == trusted.stamp_ns), None)
        if seen is None or self._engine is None:
            return  # the picture was dropped, or its depth came too late
        limit = self.params.learn_until_frame
        if limit is not None and seen.index > limit:
            self._engine.freeze(f"learned up to picture {limit}")
        camera = self._camera()
        if self.params.obstacles and camera is not None and self._trust == "ok":
            corridor = self.params.teacher.corridor
            scalar = seen.student.value.shape == (1,)
            pessimism = self.params.scalar_pessimism if scalar else self.params.pessimism
            self._engine.witness(
                trusted.stamp_ns,
                estimate_score(trusted, *camera, corridor),
                estimate_score(seen.student, *camera, corridor, pessimism=pessimism),
            )
        self._engine.offer(Sample(trusted.stamp_ns, {"image": seen.image, "trusted": trusted}), self._trust)

    def _camera(self) -> tuple[Intrinsics, Size] | None:
        if self._info is None:
            return None
        return intrinsics_of(self._info), (self._info.width, self._info.height)

    def _build(self, sizes: DepthSizes) -> Engine:
        params = self.params
        self._student = make_student(params, sizes)
        if self._start_weights is not None:
            self._student.start_from(self._start_weights)
        self._teacher = DepthTeacher(sizes, params.teacher)
        self._teacher.camera = self._camera()
        config = params.engine_config()
        budget: Budget = StepsPerLesson(config.budget) if self._link.lockstep else CpuShare(config.budget)
        return Engine(
            self._teacher,
            self._student,
            config,
            seed=params.seed,
            folder=self._folder,
            budget=budget,
            journal=self._note,
        )

    def _note(self, kind: str, **detail: str | int | float | bool) -> None:
        """Keep an event of the engine until the next step: nothing is published while the node thinks."""
        self._notes.append((kind, detail))

    def _tell(self) -> None:
        for kind, detail in self._notes:
            self._link.journal(kind, **detail)
        self._notes.clear()

    def _save(self) -> None:
        """Write the deployed weights to disk."""
        if self._engine is None or self._student is None:
            return
        status = self._engine.status(self._link.now_ns())
        facts = {"skill": {k: v for k, v in status.skill.items() if v == v}, "counts": status.counts}  # noqa: PLR0124
        save_weights(self._folder / "student.safetensors", self._student.export_weights(), **facts)
        self._link.journal("checkpoint", steps=status.counts["steps"])

    # -- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return all that it takes to go on; call it after ``think``, when no trusted depth waits."""
        meta = {
            "trust": self._trust,
            "pictures": self._pictures,
            "first_ns": self._first_ns,
            "status_ns": self._status_ns,
            "saved_ns": self._saved_ns,
            "indices": [seen.index for seen in self._waiting],
            "info": self._info is not None,
            "size": None,
            "notes": [list(note) for note in self._notes],
        }
        if self._student is not None:
            sizes = self._student.sizes
            meta["size"] = [sizes.width, sizes.height, sizes.channels]
        parts = {
            "info": messages_to_state([self._info] if self._info else []),
            "images": messages_to_state([seen.image for seen in self._waiting]),
            "estimates": messages_to_state([seen.student for seen in self._waiting]),
        }
        if self._engine is not None:
            parts["engine"] = self._engine.state()
        return State(meta).nested(**parts)

    def load_state(self, state: State) -> None:
        meta = state.meta
        infos = messages_from_state(state.part("info"))
        self._info = cast(CameraInfo, infos[0]) if infos else None
        self._trust, self._pictures, self._first_ns = meta["trust"], meta["pictures"], meta["first_ns"]
        self._status_ns, self._saved_ns = meta["status_ns"], meta["saved_ns"]
        self._notes = [(kind, detail) for kind, detail in meta["notes"]]
        images = messages_from_state(state.part("images"))
        estimates = messages_from_state(state.part("estimates"))
        self._waiting = deque(
            Seen(index, cast(Image, image), cast(Estimate, estimate))
            for index, image, estimate in zip(meta["indices"], images, estimates, strict=True)
        )
        if meta["size"] is not None:
            self._engine = self._build(DepthSizes(*meta["size"]))
            self._engine.load_state(state.part("engine"))
