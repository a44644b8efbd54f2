"""The queue: one render at a time, in order; places are told, and who waits may leave."""

import pytest
from gfla.animate import InputError
from gfla.animate.errors import Cancelled
from gfla.demos.app.visitors.turns import Turns


def test_places_move_up_and_who_waits_may_leave():
    turns = Turns(2)
    first, second, third = (turns.enter("animate") for _ in range(3))
    assert list(turns.wait(first)) == []
    assert next(turns.wait(third)) == 2
    second.cancel.set()
    with pytest.raises(Cancelled, match="Left the queue"):
        next(turns.wait(second))
    turns.leave(second)
    assert next(turns.wait(third)) == 1
    turns.leave(first)
    assert list(turns.wait(third)) == []
    assert len(turns) == 1


def test_a_full_queue_is_a_sentence():
    turns = Turns(1)
    turns.enter("animate")
    waiting = turns.enter("animate")
    with pytest.raises(InputError, match="The queue is full: 1 renders wait; please try again later"):
        turns.enter("edit")
    turns.leave(waiting)
    turns.enter("edit")
