"""HTTP: the channels' ways in, health and metrics."""
