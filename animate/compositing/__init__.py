"""Compositing around the generated face: eyes, the photograph's own detail, transparency."""
