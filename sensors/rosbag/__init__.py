"""Logs of ROS 1 and ROS 2, read through rosbags."""
