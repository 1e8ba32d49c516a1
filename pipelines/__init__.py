"""Roof: the runs that a person starts."""
