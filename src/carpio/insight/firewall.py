"""Which firewall rules name an interface: those of nftables and of iptables-save as text."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

__all__ = ["InterfaceRule", "from_iptables_save", "from_nft_json"]

_META_KEYS: Final = frozenset({"iif", "iifname", "oif", "oifname", "ibrname", "obrname"})


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceRule:
    """A rule that matches traffic by the name of an interface."""

    where: str
    """Table and chain, as people find it."""
    key: str
    """What is matched: `iifname`, `-i`, ..."""
    interfaces: tuple[str, ...]
    """Names as written; one that ends in `*` (nft) or `+` (iptables) is a prefix."""

    def names(self, interface: str) -> bool:
        """Return whether the rule matches `interface`."""
        return any(
            interface.startswith(name[:-1]) if name[-1:] in ("*", "+") else interface == name
            for name in self.interfaces
        )


def from_nft_json(text: str) -> list[InterfaceRule]:
    """Return the rules of `nft -j list ruleset`. Raises ValueError for other text."""
    listing = json.loads(text)
    if not isinstance(listing, dict) or not isinstance(listing.get("nftables"), list):
        raise ValueError("not a listing of nft")
    rules = [item.get("rule") for item in listing["nftables"] if isinstance(item, dict)]
    return [found for rule in rules if isinstance(rule, dict) for found in _of_nft_rule(rule)]


def _of_nft_rule(rule: dict[str, Any]) -> Iterator[InterfaceRule]:
    if rule.get("family") == "netdev":  # its chains name their device; ours are of this family
        return
    where = " ".join(str(rule.get(part, "?")) for part in ("family", "table", "chain"))
    statements = rule.get("expr")
    for statement in statements if isinstance(statements, list) else ():
        match = statement.get("match") if isinstance(statement, dict) else None
        if not isinstance(match, dict) or not isinstance(match.get("left"), dict):
            continue
        meta = match["left"].get("meta")
        key = meta.get("key") if isinstance(meta, dict) else None
        names = tuple(_names_in(match.get("right")))
        if isinstance(key, str) and key in _META_KEYS and names:
            yield InterfaceRule(
                where=f"{where} handle {rule.get('handle', '?')}", key=key, interfaces=names
            )


def _names_in(value: object) -> Iterator[str]:
    """Return the names in the right side of a match: one, or those of a set."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _names_in(value.get("set"))
    elif isinstance(value, list):
        for each in value:
            yield from _names_in(each)


def from_iptables_save(lines: Iterable[str]) -> list[InterfaceRule]:
    """Return the rules of the output of iptables-save or ip6tables-save."""
    rules: list[InterfaceRule] = []
    table = "?"
    for line in lines:
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith("-A "):
            rules += _of_iptables_rule(table, line)
    return rules


def _of_iptables_rule(table: str, line: str) -> Iterator[InterfaceRule]:
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    for option, name in pairwise(words):
        if option in ("-i", "-o"):
            yield InterfaceRule(
                where=f"iptables {table} {words[1]}", key=option, interfaces=(name,)
            )
