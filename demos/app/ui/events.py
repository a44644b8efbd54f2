"""How the page's events are queued: one job at a time, quick ones beside it."""

from typing import Any

JOB: dict[str, Any] = {"concurrency_id": "job", "concurrency_limit": 1}
"""For events that render: one at a time over all visitors; the others wait in the queue."""
QUICK: dict[str, Any] = {"concurrency_id": "quick", "concurrency_limit": 2}
"""For events that draw one picture: they do not wait for a render."""
LOOK: dict[str, Any] = {"concurrency_id": "look", "concurrency_limit": 2}
"""For events that look through a driver: beside a render, but not all at once."""
UNSEEN: dict[str, Any] = {"api_visibility": "private"}
"""For events of the page itself: clients have endpoints of their own (`api`)."""
