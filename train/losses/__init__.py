"""Losses, term by term, and the perceptual networks that some of them read."""
