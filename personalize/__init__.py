"""First floor: from an encoder and a cohort to one model per person, and what it is worth."""
