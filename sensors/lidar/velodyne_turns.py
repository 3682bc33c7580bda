"""Turns of a Velodyne out of packets as the network brings them."""

from __future__ import annotations

import bisect
from collections import Counter, deque

import numpy as np

from selfcue.sensors.lidar import velodyne
from selfcue.sensors.lidar.turns import COUNTS, Turn
from selfcue.sensors.lidar.velodyne_models import OF_PRODUCT, Piece, TurnDecoder, model_of, turn_decoder

_RESTART_US = 1_000_000
_STEADY_US = 5_000
_BLOCKS, _BLOCK_BYTES = 12, 100
_FLAGS = (0xEEFF, 0xDDFF, 0xCCFF, 0xBBFF)


class VelodyneTurns:
    """Packets into turns, cut where the azimuth passes 0.

    A packet waits for ``depth`` later ones, and goes on in the order of the sensor's clock. Each carries the
    microseconds of that clock, so that lost ones are known by the gap that they leave.

    Args:
        model: see ``velodyne_models.MODELS``; ``auto`` takes what the packets say.
        calibration: file of an HDL-64E's calibration.
        least_share: a turn of which less came is counted and not given.
        depth: packets that a packet waits for.
    """

    def __init__(
        self,
        model: str = "auto",
        calibration: str = "",
        frame_id: str = velodyne.FRAME,
        *,
        least_share: float = 0.5,
        depth: int = 4,
    ) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self.model = "" if model == "auto" else model
        self._calibration, self._frame_id = calibration, frame_id
        self._least_share, self._depth = least_share, depth
        self._decoder: TurnDecoder | None = None
        self._begin()

    def _begin(self) -> None:
        self._newest_us: int | None = None
        self._waiting: list[tuple[int, bytes]] = []
        self._recent: deque[tuple[int, bytes]] = deque(maxlen=32)
        self._last: Piece | None = None
        self._interval_us = 0.0
        self._deg_per_us = 0.0
        self._turn: int | None = None
        self._pieces: list[Piece] = []
        self._carried = 0
        self._given: int | None = None

    @property
    def turn_hz(self) -> float:
        """Turns a second; 0 while unknown."""
        return self._deg_per_us * 1e6 / 360.0

    def prepare(self) -> None:
        """Make the decoder of a model that was named. Raises as ``turn_decoder``."""
        if self.model:
            self._decoder = turn_decoder(self.model, self._calibration)

    def is_mine(self, data: bytes) -> bool:
        """Tell whether ``data`` may be a packet of the sensor."""
        return velodyne.is_packet(data)

    def feed(self, data: bytes) -> tuple[int | None, list[Turn]]:
        if not self._is_sound(data):
            self.counts["garbage"] += 1
            return None, []
        if self._decoder is None:
            self.model = self.model or model_of(data)
            self.prepare()
        self.counts["packets"] += 1
        raw_us = velodyne.sent_us(data)
        newest_us = raw_us if self._newest_us is None else self._newest_us
        half = velodyne.HOUR_US // 2
        sent_us = newest_us + (raw_us - newest_us + half) % velodyne.HOUR_US - half
        turns: list[Turn] = []
        if sent_us < newest_us - _RESTART_US:  # no network holds a packet up for so long: its clock began anew
            turns = self.flush()
            self.counts["restarts"] += 1
            self._begin()
            sent_us = newest_us = raw_us
        self._newest_us = max(newest_us, sent_us)
        if (sent_us, data) in self._recent or (sent_us, data) in self._waiting:
            self.counts["duplicated"] += 1
        elif self._last is not None and sent_us < self._last.sent_us:
            self.counts["late"] += 1
        else:
            bisect.insort(self._waiting, (sent_us, data))
            while len(self._waiting) > self._depth:
                turns += self._release(*self._waiting.pop(0))
        return round((sent_us + self._interval_us) * 1000.0), turns

    def flush(self) -> list[Turn]:
        waiting, self._waiting = self._waiting, []
        turns = [turn for one in waiting for turn in self._release(*one)]
        turns += self._close(None)
        self._turn = None
        return turns

    def _is_sound(self, data: bytes) -> bool:
        if not self.is_mine(data) or velodyne.sent_us(data) >= velodyne.HOUR_US:
            return False
        heads = np.frombuffer(data, "<u2", _BLOCKS * _BLOCK_BYTES // 2).reshape(_BLOCKS, -1)[:, :2]
        if not np.isin(heads[:, 0], _FLAGS).all() or not (heads[:, 1] < 36_000).all():
            return False
        says_nothing = not self.model or self.model.startswith("HDL-64E")
        return says_nothing or OF_PRODUCT.get(data[-1], "") == self.model

    def _release(self, sent_us: int, data: bytes) -> list[Turn]:
        """Take a packet in its order."""
        self._recent.append((sent_us, data))
        azimuth = self._azimuth(float(velodyne.first_azimuth(data)[0]), sent_us)
        piece = Piece(data, sent_us, azimuth)
        begun = int(azimuth // 360.0)
        turns = self._close(begun) if self._turn is not None and begun > self._turn else []
        if self._turn is None:
            self._turn = begun
        self._pieces.append(piece)
        self._last = piece
        return turns

    def _azimuth(self, azimuth_deg: float, sent_us: int) -> float:
        """Return the azimuth with all turns before, also where turns are missing; count the packets in between."""
        if self._last is None:
            return azimuth_deg
        gap_us = sent_us - self._last.sent_us
        expected = self._last.azimuth_deg + self._deg_per_us * gap_us
        found = azimuth_deg + 360.0 * round((expected - azimuth_deg) / 360.0)
        if 0 < gap_us < _STEADY_US and found > self._last.azimuth_deg:
            rate = (found - self._last.azimuth_deg) / gap_us
            self._deg_per_us += (rate - self._deg_per_us) / (16 if self._deg_per_us else 1)
        if gap_us > 0:
            if not self._interval_us or gap_us < 0.75 * self._interval_us:
                self._interval_us = float(gap_us)
            elif gap_us < 1.5 * self._interval_us:
                self._interval_us += (gap_us - self._interval_us) / 16
            else:
                self.counts["lost"] += round(gap_us / self._interval_us) - 1
        return found

    def _close(self, begun: int | None) -> list[Turn]:
        """End the turn under way; turn ``begun`` begins, or none."""
        turn, pieces, carried = self._turn, self._pieces, self._carried
        self._turn, self._pieces, self._carried = begun, [], 0
        if turn is None or not pieces or self._decoder is None:
            return []
        if self._decoder.cuts and begun == turn + 1 and self._reaches(pieces[-1], begun):
            self._pieces, self._carried = [pieces[-1]], 1
        if begun is not None:
            self.counts["lost_turns"] += begun - turn - 1
        share = (len(pieces) - carried) * self._interval_us * self._deg_per_us / 360.0
        if share < self._least_share:
            self.counts["partial"] += 1
            return []
        lost = 0 if self._given is None else turn - self._given - 1
        cloud = self._decoder.cloud(pieces, turn, self._frame_id)
        if not len(cloud.points) and len(pieces) == carried:
            return []
        self._given = turn
        self.counts["turns"] += 1
        ended_ns = round((pieces[-1].sent_us + self._interval_us) * 1000.0)
        return [Turn(cloud, ended_ns, min(1.0, share), lost)]

    def _reaches(self, piece: Piece, turn: int) -> bool:
        """Tell whether a packet has firings in ``turn``: its last block has one beyond its own azimuth."""
        last = velodyne.azimuths(piece.data)[-1] + 1.0
        return bool(piece.azimuth_deg // 360.0 + last // 360.0 >= turn)
