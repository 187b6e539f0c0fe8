"""Performs effects: gathers those of many groups, keeps the order that each group needs.

The phases, for all groups together: gates closed, bow-outs, gates opened, adverts, dead-man
wound for those whose adverts left, addresses served, announced; then what has time: routes and
links of released groups, reports. An effect that would run before an earlier one of the same
group starts a new batch. What comes of it is returned as events, in order (style: no re-entrancy).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

from carpio.core.effects import (
    Effect,
    ReleaseAddresses,
    ReportDemotion,
    ReportDrop,
    ReportTransition,
)
from carpio.core.events import (
    AddressesAvailable,
    AddressesRefused,
    Event,
    SendFailed,
    SendSucceeded,
)
from carpio.core.model import InstanceKey
from carpio.core.phases import Batch
from carpio.ports import AddressPlane
from carpio.runtime.carpdev import Carpdev

__all__ = ["Performer", "Report"]

Report: TypeAlias = ReportTransition | ReportDemotion | ReportDrop


class Performer:
    """Commands the plane and the carpdevs."""

    def __init__(
        self,
        plane: AddressPlane,
        settle: Callable[[], None],
        carpdevs: Mapping[str, Carpdev],
    ) -> None:
        """`settle` finishes releases when nothing urgent is left."""
        self._plane = plane
        self._settle = settle
        self._carpdevs = carpdevs

    def perform(
        self, effects: Sequence[Effect], contested: Collection[InstanceKey] = ()
    ) -> list[Event]:
        """Perform all but reports, in order; return what came of it.

        `contested` are groups of which somebody else has advertised: these effects say whether
        the group gives way. If it does not, it may speak again before all else.
        """
        if contested:
            left = {one.instance for one in effects if isinstance(one, ReleaseAddresses)}
            self._plane.dismiss([key for key in contested if key not in left])
        events: list[Event] = []
        batch = Batch()
        released = False
        for effect in effects:
            if not batch.add(effect):
                events += self._perform_batch(batch)
                released = released or bool(batch.release)
                batch = Batch()
                batch.add(effect)
        events += self._perform_batch(batch)
        if released or batch.release:
            self._settle()
        return events

    def _perform_batch(self, batch: Batch) -> list[Event]:
        events: list[Event] = []
        if batch.release:
            self._plane.release(batch.release)
        for bow_out in batch.bow_outs:
            carpdev = self._carpdevs.get(bow_out.instance.carpdev)
            if carpdev is not None:
                carpdev.send(bow_out)
        refused = self._plane.acquire(batch.acquire) if batch.acquire else {}
        events += _refusals(refused)
        events += self._advertise(batch, refused)
        if batch.serve:
            events += _refusals(self._plane.serve(batch.serve))
        for key in batch.announce:
            carpdev = self._carpdevs.get(key.carpdev)
            if carpdev is not None:
                carpdev.announce(key)
        return events

    def _advertise(self, batch: Batch, refused: Mapping[InstanceKey, str]) -> list[Event]:
        """Send adverts, then wind the dead-man of groups of which every advert left.

        After, not before: a gate must not outlive the last advert that peers can have heard.
        A gate that expired meanwhile makes the send itself fail, because the guard drops it.
        """
        events: list[Event] = []
        sent: dict[InstanceKey, bool] = {}
        for advert in batch.adverts:
            key = advert.instance
            if key in refused:
                continue
            carpdev = self._carpdevs.get(key.carpdev)
            error = carpdev.send(advert) if carpdev is not None else 19  # ENODEV
            sent[key] = sent.get(key, True) and not error
            if error:
                events.append(SendFailed(key, advert.family, error))
            else:
                events.append(SendSucceeded(key, advert.family))
        opened = set(batch.acquire)
        wind = [key for key, complete in sent.items() if complete and key not in opened]
        if wind:
            events += _refusals(self._plane.refresh(wind))
        return events


def _refusals(refused: Mapping[InstanceKey, str]) -> list[Event]:
    """A refusal of the moment: the group gives up and may try again later."""
    events: list[Event] = []
    for key, reason in refused.items():
        events += [AddressesRefused(key, reason), AddressesAvailable(key)]
    return events
