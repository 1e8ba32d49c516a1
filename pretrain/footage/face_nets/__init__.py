"""Two small nets that find faces and their landmarks; trained on phantoms only, shipped with their weights."""
