"""Procedurally drawn people and objects, for demos, training and tests."""
