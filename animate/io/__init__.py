"""Paths, atomic files, pictures and time codes."""
