"""Scores of images against real ones, by a stated protocol."""
