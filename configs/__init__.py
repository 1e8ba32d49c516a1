"""One typed Python file per experiment."""
