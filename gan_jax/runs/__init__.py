"""The folder of a run, its start, and its way back."""
