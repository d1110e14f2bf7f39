"""Landmarks of faces in pictures, refa's 100 keypoints among them, and placing those on any face mesh."""
