"""Leaks, seeded one by one into a synthetic cohort."""
