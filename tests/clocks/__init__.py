"""Clocks: what happens in tickets because time goes by."""
