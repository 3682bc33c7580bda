"""A small lake of a robot fleet: names, sites and serial numbers that three offices keep, each in its own manner."""

from __future__ import annotations

import numpy as np

from selfcue.learners.offline.data.table_lake import TableLake

SITES = ("harbour", "orchard", "quarry", "mill", "depot", "airfield")


def fleet_lake(seed: int = 0, *, rows: int = 60) -> TableLake:
    """Return tables ``robots``, ``missions`` and ``repairs``; JOINS holds their true joins."""
    rng = np.random.default_rng(seed)
    names = [f"Rover-{n:03d} {'abcdefgh'[n % 8] * 3}" for n in range(rows)]
    serials = [f"SN{int(n):06d}" for n in rng.permutation(rows) + 40_000]
    pick = rng.integers(0, rows, 2 * rows)
    mend = rng.integers(0, rows, rows)
    return TableLake(
        {
            "robots": {
                "name": tuple(names),
                "serial": tuple(serials),
                "site": tuple(SITES[int(i)] for i in rng.integers(0, len(SITES), rows)),
                "mass_kg": tuple(f"{x:.2f}" for x in rng.normal(80.0, 5.0, rows)),
            },
            "missions": {
                "who": tuple(names[i] for i in pick),
                "place": tuple(SITES[int(i)] for i in rng.integers(0, len(SITES), len(pick))),
                "day": tuple(f"2024-0{1 + int(i) % 9}-{10 + int(i) % 18}" for i in rng.integers(0, 99, len(pick))),
                "minutes": tuple(str(int(i)) for i in rng.integers(5, 300, len(pick))),
            },
            "repairs": {
                "number": tuple(serials[i] for i in mend),
                "part": tuple(("wheel", "motor", "lens", "battery")[int(i)] for i in rng.integers(0, 4, rows)),
                "cost": tuple(f"{x:.1f}" for x in rng.uniform(20.0, 900.0, rows)),
            },
        },
        "fleet",
    )


JOINS = {
    frozenset({("robots", "name"), ("missions", "who")}),
    frozenset({("robots", "site"), ("missions", "place")}),
    frozenset({("robots", "serial"), ("repairs", "number")}),
}
