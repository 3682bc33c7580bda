"""The simulator: worlds, bodies, and the same sensors, simulated."""

if __name__ != "selfcue.sim":  # pragma: no cover
    msg = "write 'selfcue.sim', not 'sim'"
    raise ImportError(msg)
