"""Step throughput of a config."""
