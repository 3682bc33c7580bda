"""How bytes get from one process to another: shared-memory rings, the links that carry their tickets, keys."""
