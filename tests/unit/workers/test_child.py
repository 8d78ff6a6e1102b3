"""What a child does around a task."""

from __future__ import annotations

from lungline.errors import StoreUnavailable
from workers.child import Child
from workers.crew import Crew


def test_parts_that_did_not_answer_are_counted_for_all_to_see(make):
    crew = Crew(1)
    parts, _ = make(stopping=lambda: True)  # so that nobody waits
    child = Child(crew, 0, parts)

    child.run(lambda parts: parts.backoff.after(StoreUnavailable("on purpose")))

    assert parts.failures.read() == {("worker", "store_unavailable"): 1}


def test_a_child_that_is_to_stop_takes_no_work(make):
    crew = Crew(1)
    parts, _ = make()
    crew.stop()
    done: list[object] = []

    Child(crew, 0, parts).run(done.append)

    assert done == []
    assert crew.taken(0) == 1
