"""The clip dataset, its loader and on-device augmentation."""
