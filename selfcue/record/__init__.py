"""Recording and reading of logs: MCAP files whose messages are ROS 2 definitions in CDR."""
