"""The phases in which a host performs effects of many groups, each group in its own order.

Gates closed, bow-outs, gates opened, adverts, addresses served, announced. Pure: says what may be
done together; the daemon and the simulator do it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from carpio.core.effects import (
    AcquireAddresses,
    AnnounceAddresses,
    Effect,
    ReleaseAddresses,
    ReportDemotion,
    ReportDrop,
    ReportTransition,
    SendAdvertisement,
    ServeAddresses,
)
from carpio.core.model import InstanceKey

__all__ = ["Batch"]


@dataclass(slots=True)
class Batch:
    """Effects that can be performed phase by phase, the phases in this order."""

    release: list[InstanceKey] = field(default_factory=list)
    bow_outs: list[SendAdvertisement] = field(default_factory=list)
    acquire: list[InstanceKey] = field(default_factory=list)
    adverts: list[SendAdvertisement] = field(default_factory=list)
    serve: list[InstanceKey] = field(default_factory=list)
    announce: list[InstanceKey] = field(default_factory=list)
    reached: dict[InstanceKey, int] = field(default_factory=dict)
    """The last phase that each group has something in."""

    def add(self, effect: Effect) -> bool:
        """Take an effect in; False when it must wait for this batch to be performed."""
        match effect:
            case SendAdvertisement():
                phase = 1 if effect.bow_out else 3
                if not self._reach(phase, effect.instance):
                    return False
                (self.bow_outs if effect.bow_out else self.adverts).append(effect)
                return True
            case ReleaseAddresses():
                return self._append(0, effect.instance, self.release)
            case AcquireAddresses():
                return self._append(2, effect.instance, self.acquire)
            case ServeAddresses():
                return self._append(4, effect.instance, self.serve)
            case AnnounceAddresses():
                return self._append(5, effect.instance, self.announce)
            case ReportTransition() | ReportDemotion() | ReportDrop():
                return True
            case _:
                assert_never(effect)

    def _append(self, phase: int, key: InstanceKey, place: list[InstanceKey]) -> bool:
        is_in_order = self._reach(phase, key)
        if is_in_order:
            place.append(key)
        return is_in_order

    def _reach(self, phase: int, key: InstanceKey) -> bool:
        if self.reached.get(key, 0) > phase:
            return False
        self.reached[key] = phase
        return True
