"""A driver's motion: parameters, smoothing, retargeting, templates and presets."""
