"""How the page's events are queued, and what the browser does at once, before the server answers."""

from typing import Any

JOB: dict[str, Any] = {"concurrency_id": "job", "concurrency_limit": None}
"""For events that render: `visitors.turns` says who is next, so that a visitor sees the place."""
QUICK: dict[str, Any] = {"concurrency_id": "quick", "concurrency_limit": 2}
"""For events that draw one picture: they do not wait for a render."""
SCAN: dict[str, Any] = {"concurrency_id": "scan", "concurrency_limit": 2}
"""For events that read a whole driver: beside a render, but few at once."""
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
"""For events of the page itself: programs have endpoints of their own (`api`). Gradio names an event after
its function, so no such function may be called like an endpoint."""
QUIET: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
"""For events of the page that show no progress of gradio's own."""
RAW: dict[str, Any] = {"preprocess": False}
"""For events that take files: gradio must not open them before `visitors.uploads` has checked them."""
STOP, LEAVE = "Stop and keep what is done", "Leave the queue"
"""Labels of a stop button while a render runs, and while it waits."""
Js = str
"""A function in JavaScript, whose results are values of the event's outputs."""


def begin_js(focus: str, outputs: int = 4) -> Js:
    """For a click that begins a render: the values of its button, the stop button, the status and the note,
    or the first `outputs` of them. The keyboard's focus goes to the element `focus`."""
    hidden, shown = _update("visible: false"), _update("visible: true, interactive: true")
    values = (hidden, shown, """'<p class="note" role="status">Starting</p>'""", "''")[:outputs]
    return f"""() => {{
        setTimeout(() => document.querySelector('{focus}')?.focus(), 80);
        return [{", ".join(values)}];
    }}"""


def stop_js() -> Js:
    """For a click on a stop button: it answers at once and cannot be pressed again."""
    stopping = _update("value: 'Stopping …', interactive: false")
    return f"() => {stopping}"


def go_to_js(tab: str) -> Js:
    """Opens the tab of that name, as a click on it does."""
    return f"""() => {{
        const tabs = [...document.querySelectorAll('[role=tab]')];
        tabs.find((each) => each.textContent.trim() === '{tab}').click();
        window.scrollTo({{top: 0}});
        return [];
    }}"""


def _update(properties: str) -> Js:
    return f"({{__type__: 'update', {properties}}})"
