"""A render from the page: the preview, the progress, and a video that plays while it is made."""
