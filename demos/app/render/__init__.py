"""A render from the page: preview, progress, playing while it is made."""
