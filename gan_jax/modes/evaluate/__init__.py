"""Scores of checkpoints, or of images on disk, against a data set."""
