"""Are verdicts of claims calibrated? See `scripts/calibrate_claims`."""
