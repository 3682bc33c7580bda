"""Cameras behind one driver: V4L2 devices, network streams, pipelines, video files and folders of pictures."""
