"""Phantoms as single pictures, in more kinds than patients before a camera: what the face nets are trained on."""
