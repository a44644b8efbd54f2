"""The tab Edit."""

from gfla.demos.app.service import Service


def edit_tab(service: Service) -> None:
    """Build the tab inside the one that is open."""
