"""Drawn people and things that do not exist, for demos, training and tests."""
