"""Recordings in the layout of TUM's RGB-D benchmark, and trajectories in its format."""
