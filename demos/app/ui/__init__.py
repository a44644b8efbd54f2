"""Widgets, markup, theme, samples and scripts of the page."""
