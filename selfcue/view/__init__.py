"""Live views of a running system, from its messages alone."""
