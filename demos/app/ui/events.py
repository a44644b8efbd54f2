"""How the page's events are queued: one render at a time, quick events beside it."""

from typing import Any

JOB: dict[str, Any] = {"concurrency_id": "job", "concurrency_limit": 1}
"""For events that render: one at a time for all visitors; the others wait in the queue."""
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
