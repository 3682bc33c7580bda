"""KITTI's folders as a log of sensor messages."""
