"""Pairs of pictures of one person or one thing: published datasets, or puppets without any data."""
