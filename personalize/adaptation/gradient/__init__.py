"""Adaptations by gradient descent; importing them loads JAX."""
