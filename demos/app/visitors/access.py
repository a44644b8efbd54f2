"""Who may use the routes that are not gradio's own: those who may see the page."""

from typing import Any

from starlette.requests import HTTPConnection


def logged_in(connection: HTTPConnection) -> bool:
    """Whether whoever asks may see the page: always without --auth, else by gradio's own cookie."""
    app: Any = connection.app
    if app.auth is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(connection.cookies.get(name) in app.tokens for name in names if connection.cookies.get(name))
