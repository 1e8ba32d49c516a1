"""Adaptations by gradient descent; only `batches` may be imported without loading JAX."""
