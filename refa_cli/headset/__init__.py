"""Cameras and lenses, LEDs, donning, calibration files."""
