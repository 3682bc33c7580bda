"""Telemetry logs of MAVLink ground stations."""
