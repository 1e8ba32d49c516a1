"""Encoders: a clip goes in, features come out."""
