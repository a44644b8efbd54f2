"""The page's building blocks: widgets, markup, settings, samples, theme and scripts; nothing of a visitor."""
