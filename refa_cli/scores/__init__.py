"""Scores of labels and predictions that need no ground truth, errors where there is one, and how they are averaged."""
