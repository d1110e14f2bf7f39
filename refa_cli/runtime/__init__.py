"""Trackers at work: numpy and ONNX, no torch."""
