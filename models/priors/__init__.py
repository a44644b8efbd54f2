"""Flows in closed form, one module a kind: a face's spline, the head as one body, a person's limbs."""
