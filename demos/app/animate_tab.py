"""The tab Animate."""

from gfla.demos.app.service import Service


def animate_tab(service: Service) -> None:
    """Build the tab inside the one that is open."""
