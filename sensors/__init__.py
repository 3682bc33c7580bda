"""Adapters: cameras, stereo, calibration, recorded logs as sensors."""

if __name__ != "selfcue.sensors":  # pragma: no cover
    msg = "write 'selfcue.sensors', not 'sensors'"
    raise ImportError(msg)
