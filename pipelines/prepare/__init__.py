"""`wince prepare`: from footage to a clip dataset and a manifest."""

from pipelines.prepare.command import prepare

__all__ = ["prepare"]
