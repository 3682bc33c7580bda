"""EuRoC's (ASL's) folders as a log of sensor messages."""
