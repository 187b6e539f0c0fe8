"""A topology drawn with characters. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from carpio.lab.plan import Plan

__all__ = ["picture_of"]


def picture_of(plan: Plan, implementations: Mapping[str, str]) -> str:
    """Return the picture: networks, their switches, what is plugged in; then the groups."""
    return "\n".join((*_networks(plan, implementations), *_groups(plan)))


def _networks(plan: Plan, implementations: Mapping[str, str]) -> Iterator[str]:
    for network in plan.networks:
        yield f"network {network.name}  {'  '.join(map(str, network.prefixes))}"
        for number, switch in enumerate(network.switches):
            is_last = number == len(network.switches) - 1
            yield f"  +-- switch {switch}"
            rail = "   " if is_last else "|  "
            for machine in plan.machines:
                for cable in machine.cables:
                    if cable.switch == switch:
                        addresses = "  ".join(str(address.ip) for address in cable.addresses)
                        what = implementations.get(machine.name, machine.kind.value)
                        yield (
                            f"  {rail} +-- {machine.name} ({what})  {cable.interface}  {addresses}"
                        )
            if not is_last:
                yield f"  |   trunk {switch}-{network.switches[number + 1]}"


def _groups(plan: Plan) -> Iterator[str]:
    few = plan.groups if len(plan.groups) <= 8 else (plan.groups[0], plan.groups[-1])
    for group in few:
        addresses = "  ".join(map(str, group.addresses))
        skews = ", ".join(f"{host} {skew}" for host, skew in group.advskews.items())
        yield f"group {group.name}  {addresses}  advskew: {skews}"
    if len(few) < len(plan.groups):
        yield f"(and {len(plan.groups) - len(few)} groups between these two)"
