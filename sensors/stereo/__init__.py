"""Stereo as a trusted cue: matcher, fault detectors and the node that publishes both."""
