"""The report: one self-contained page from several runs."""
