"""What acts: behaviours, safety, autopilot output."""

if __name__ != "selfcue.agent":  # pragma: no cover
    msg = "write 'selfcue.agent', not 'agent'"
    raise ImportError(msg)
