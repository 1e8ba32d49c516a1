"""Networks from pictures, films, windows or tables to numbers and classes, made of stages that have names."""
