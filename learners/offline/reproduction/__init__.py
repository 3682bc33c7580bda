"""Experiments that show what a paper claims, run by one runner."""
