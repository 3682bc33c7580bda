"""PX4's flight logs."""
