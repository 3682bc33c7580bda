"""Inertial units: drivers (serial, I2C, MAVLink, network), calibration, resampling, and what can be wrong with them."""
