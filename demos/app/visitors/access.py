"""The page's login, also for the routes that are not gradio's own."""

from typing import Any

from starlette.requests import HTTPConnection


def logged_in(connection: HTTPConnection) -> bool:
    """Whether the client may see the page: without --auth always, else by gradio's own cookie."""
    app: Any = connection.app
    if app.auth is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(connection.cookies.get(name) in app.tokens for name in names if connection.cookies.get(name))
