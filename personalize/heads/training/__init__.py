"""Networks trained on labels: what one learns from, in which order, by which losses."""
