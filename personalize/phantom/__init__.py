"""Synthetic people whose faces, muscles and pain are known exactly."""
