"""From footage to clips: faces found, followed, aligned, every frame accounted for."""

from pretrain.footage.finders import find_faces as find_faces
