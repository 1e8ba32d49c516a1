"""Losses that need no labels, one per file, and gauges of collapse."""
