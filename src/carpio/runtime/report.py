"""The daemon's answer to `status`: the engine's picture with wall-clock times and host findings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from carpio.config.model import DaemonConfig, VhidConfig
from carpio.config.schema import PER_NETNS
from carpio.control.messages import (
    CauseShare,
    DemotionStatus,
    RivalStatus,
    VhidStatus,
)
from carpio.control.network import Configuration, GroupConfiguration, GroupName
from carpio.core.model import EngineView, InstanceKey, InstanceView, Nanoseconds, State
from carpio.runtime.claims import Claim
from carpio.wire.ethernet import format_mac

__all__ = ["WallClock", "absent_status", "configuration", "demotion_status", "vhid_status"]


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
        attached=_attached(config),
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


def _attached(config: VhidConfig) -> str | None:
    return None if config.attach is None else str(config.attach)


def absent_status(config: VhidConfig, why: str) -> VhidStatus:
    """One group of a namespace that is not served yet."""
    instance = config.instance
    return VhidStatus(
        vhid=instance.vhid,
        interface=instance.carpdev,
        netns=config.netns,
        name=config.name,
        attached=_attached(config),
        state="INIT",
        since=None,
        reason=f"refused: {why}",
        advbase=instance.advbase,
        advskew=instance.advskew,
        effective_advskew=instance.advskew,
        demotion=0,
        addresses=[str(address) for address in instance.addresses],
        peer=None,
        last_advert=None,
        next_deadline=None,
        counters={},
        rivals=[],
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


def configuration(
    config: DaemonConfig,
    *,
    file: Path,
    saved: DaemonConfig,
    has_unsaved: bool,
    own: str | None,
    nameless: Collection[str | None],
) -> Configuration:
    """What runs, in the terms of the configuration file, keys included.

    `saved` is what the files said when they were read. Groups of the namespace `own` belong to no
    namespace in the file; what is in `nameless` ones cannot be in a file.
    """
    return Configuration(
        file=str(file),
        files=[str(one.absolute()) for one in saved.files],
        has_unsaved=has_unsaved,
        settings={name: int(getattr(config, name)) for name in PER_NETNS},
        netns_settings={
            netns: {
                name: int(value)
                for name in PER_NETNS
                if (value := getattr(settings, name)) is not None
            }
            for netns, settings in config.namespaces
            if netns not in nameless
        },
        groups=[
            GroupConfiguration(
                id=one.instance.vhid,
                interface=one.instance.carpdev,
                netns=None if one.netns == own else one.netns,
                name=one.name,
                key=one.instance.key.raw.hex(),
                advbase=one.instance.advbase,
                advskew=one.instance.advskew,
                addresses=[str(address) for address in one.instance.addresses],
                preempt=one.instance.preempt,
                attach=one.attach if isinstance(one.attach, str) else None,
                is_lasting=one.netns not in nameless,
            )
            for one in config.vhids
        ],
        digests=list(saved.digests),
        removed=[
            GroupName(id=key.vhid, interface=key.carpdev, netns=None if netns == own else netns)
            for netns, key in _missing(saved, config)
        ],
    )


def _missing(saved: DaemonConfig, config: DaemonConfig) -> list[tuple[str | None, InstanceKey]]:
    """The groups that are in one configuration and not in the other."""
    running = {(one.netns, one.instance.instance) for one in config.vhids}
    there = [(one.netns, one.instance.instance) for one in saved.vhids]
    return [group for group in there if group not in running]
