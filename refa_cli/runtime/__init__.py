"""Trackers at work: numpy and ONNX Runtime only, no torch."""
