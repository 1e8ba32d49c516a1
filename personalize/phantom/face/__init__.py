"""What a phantom looks like: from muscles, looks and a camera to pictures, landmarks and action units."""
