from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from carpio.core.schedule import Schedule


@dataclass
class Waiting:
    """As much of an instance as the schedule looks at."""

    order: int
    due: int | None = None


def test_nothing_is_awaited_at_first():
    assert Schedule().next_deadline() is None
    assert Schedule().next_instance() is None
    assert Schedule().pop_due(10**18) == []


def test_the_earliest_is_next_and_ties_go_by_creation():
    schedule = Schedule()
    waiting = [Waiting(0, 30), Waiting(1, 10), Waiting(2, 10), Waiting(3, 40)]
    for instance in reversed(waiting):
        schedule.update(instance)
    assert schedule.next_deadline() == 10
    assert schedule.next_instance() is waiting[1]
    assert [it.order for it in schedule.pop_due(30)] == [1, 2, 0]


def test_a_deadline_that_moved_away_is_not_due():
    schedule, instance = Schedule(), Waiting(0, 10)
    schedule.update(instance)
    instance.due = 20
    schedule.update(instance)
    assert schedule.pop_due(15) == []
    assert schedule.next_deadline() == 20


def test_one_that_awaits_nothing_any_more_is_forgotten():
    schedule, instance = Schedule(), Waiting(0, 10)
    schedule.update(instance)
    instance.due = None
    schedule.update(instance)
    assert schedule.next_deadline() is None


def test_a_deadline_that_returns_to_an_earlier_entry_is_due_once():
    schedule, instance = Schedule(), Waiting(0, 5)
    for due in (5, 7, 3, 5):
        instance.due = due
        schedule.update(instance)
    assert schedule.next_deadline() == 5
    assert schedule.pop_due(5) == [instance]
    assert schedule.pop_due(9) == []


def test_who_is_awaited_has_an_entry_that_is_not_later():
    schedule, instance = Schedule(), Waiting(0, 10)
    assert not schedule.awaits(instance)
    schedule.update(instance)
    assert schedule.awaits(instance)
    instance.due = 20
    assert schedule.awaits(instance)
    instance.due = 5
    assert not schedule.awaits(instance)
    instance.due = None
    assert not schedule.awaits(instance)


@given(st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(0, 50))))
def test_it_agrees_with_asking_everybody(changes):
    schedule = Schedule()
    instances = [Waiting(order) for order in range(5)]
    for order, due in changes:
        instances[order].due = due
        schedule.update(instances[order])
        known = [it.due for it in instances if it.due is not None]
        assert schedule.next_deadline() == min(known, default=None)
    expected = [it for it in instances if it.due is not None and it.due <= 25]
    assert schedule.pop_due(25) == sorted(expected, key=lambda it: (it.due, it.order))
