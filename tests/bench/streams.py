"""One stream against 2 to 16 in lockstep: a batch fills what a single frame, waiting for the last, leaves idle."""
