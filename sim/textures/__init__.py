"""Procedural surfaces with a real metric scale, from numpy generators."""
