"""A driver's motion: parameters, smoothing, retargeting, recordings and presets."""
