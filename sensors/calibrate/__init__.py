"""Calibration with a ChArUco board: one camera, a stereo pair, a camera against an inertial sensor."""
