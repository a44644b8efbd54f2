"""The stages on threads: a file rendered, a live stream, and where frames go."""
