"""The kernel that all rooms stand on: messages, bus, clock, nodes, records, reports, command line."""

__version__ = "0.1.0"
