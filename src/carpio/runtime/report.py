"""The daemon's answer to `status`: the engine's picture with wall-clock times and host findings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from carpio.config.model import VhidConfig
from carpio.control.messages import (
    CauseShare,
    DemotionStatus,
    RivalStatus,
    VhidStatus,
)
from carpio.core.model import EngineView, InstanceView, Nanoseconds, State
from carpio.runtime.claims import Claim
from carpio.wire.ethernet import format_mac

__all__ = ["WallClock", "demotion_status", "vhid_status"]


class WallClock:
    """Translates monotonic times for people; taken anew for each answer."""

    def __init__(self, monotonic: Nanoseconds) -> None:
        self._now = monotonic
        self._wall = datetime.now(UTC)

    def text(self, moment: Nanoseconds | None) -> str | None:
        """RFC 3339 in UTC with microseconds."""
        if moment is None:
            return None
        wall = self._wall + timedelta(microseconds=(moment - self._now) // 1000)
        return wall.isoformat(timespec="microseconds").replace("+00:00", "Z")


def vhid_status(
    config: VhidConfig,
    view: InstanceView,
    *,
    demotion: int,
    refusal: str | None,
    claims: Sequence[Claim],
    clock: WallClock,
) -> VhidStatus:
    """One group as `status` tells it."""
    is_master = view.state is State.MASTER
    latest = max(view.rivals, key=lambda rival: rival.heard_at, default=None)
    return VhidStatus(
        vhid=view.instance.vhid,
        interface=view.instance.carpdev,
        netns=config.netns,
        name=config.name,
        state=view.state.value,
        since=clock.text(view.since),
        reason=f"refused: {refusal}" if refusal else view.reason,
        advbase=view.advbase,
        advskew=view.advskew,
        effective_advskew=view.effective_advskew,
        demotion=demotion,
        addresses=[str(address) for address in view.addresses],
        peer=None if is_master or latest is None else str(latest.source),
        last_advert=clock.text(view.last_advert_sent if is_master else view.last_advert_heard),
        next_deadline=clock.text(view.next_deadline),
        counters=view.counters,
        rivals=[
            *(
                RivalStatus(
                    source=str(rival.source),
                    advbase=rival.advbase,
                    advskew=rival.advskew,
                    last_heard=clock.text(rival.heard_at),
                )
                for rival in view.rivals
            ),
            *(
                RivalStatus(
                    source=str(claim.address),
                    last_heard=clock.text(claim.heard_at),
                    claims=claim.count,
                    mac=format_mac(claim.mac),
                )
                for claim in claims
            ),
        ],
    )


def demotion_status(views: Sequence[EngineView]) -> DemotionStatus:
    """The demotion number; causes of all network stacks of the daemon together.

    A cause that several stacks have in common counts once: a request demotes all of them.
    """
    shares = dict.fromkeys(share for view in views for share in view.causes)
    return DemotionStatus(
        sum=sum(share.value for share in shares),
        causes=[CauseShare(cause=share.cause, value=share.value) for share in shares],
    )
