"""Find, follow, crop and model a face."""
