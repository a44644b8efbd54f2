"""Losses, term by term, and the perceptual networks behind some of them."""
