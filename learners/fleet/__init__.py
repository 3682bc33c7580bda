"""Fleets: one task over many logs, in parallel, on Ray or on local processes."""
