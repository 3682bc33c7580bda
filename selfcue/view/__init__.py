"""Live views, from messages only; optional packages are imported late."""
