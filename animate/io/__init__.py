"""Paths, atomic files, images and time codes."""
