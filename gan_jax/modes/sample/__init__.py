"""Samples of a trained run, from its folder alone."""
