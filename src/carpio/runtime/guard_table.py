"""The guard's table in the kernel: messages that change it, dumps that read it, the way between.

Knows the nf_tables objects; must not know what the rules mean or when they change.
Numbers of messages and attributes: linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from carpio.runtime.guard_rules import Chain, Rule, Ruleset, Set
from carpio.runtime.nfnetlink import (
    NLM_F_APPEND,
    NLM_F_CREATE,
    Message,
    NetfilterSocket,
    attribute,
    attributes,
    be32,
    be64,
    nested,
    number,
    repeated,
    request,
    text,
)

__all__ = [
    "TABLE",
    "Content",
    "ReadRule",
    "add_elements",
    "changes",
    "delete_elements",
    "delete_table",
    "difference",
    "element",
    "gate_element",
    "new_table",
    "read_content",
    "read_elements",
    "read_rules",
]

TABLE: Final = "carpio"
_TABLE_NAME: Final = text(1, TABLE)
_NEWTABLE, _DELTABLE = 0, 2
_NEWCHAIN, _GETCHAIN, _DELCHAIN = 3, 4, 5
_NEWRULE, _GETRULE, _DELRULE = 6, 7, 8
_NEWSET, _GETSET, _DELSET = 9, 10, 11
_NEWSETELEM, _GETSETELEM, _DELSETELEM = 12, 13, 14
_SET_IS_MAP: Final = 0x8
_SET_HAS_TIMEOUT: Final = 0x10
_SET_IS_DYNAMIC: Final = 0x20
"""NFT_SET_EVAL: packets may add elements."""
_TYPE_BITS: Final = 6
"""Key types of a concatenation are packed into one number, six bits each (libnftables)."""
_POLICY_ACCEPT: Final = 1
_ELEMENTS_PER_MESSAGE: Final = 1000
"""The list of elements is one attribute, whose length has 16 bits."""
_COMMENT: Final = 0
"""NFTNL_UDATA_RULE_COMMENT, under which nft(8) keeps comments."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What cannot be changed about a set once it exists."""

    flags: int
    key_length: int
    data_length: int


@dataclass(frozen=True, slots=True)
class ReadRule:
    """A rule as found: where, its handle (unique for the life of the table), what it counted."""

    chain: str
    handle: int
    comment: str
    packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the kernel has in the table. `chains`: the device of base chains, "" for others."""

    chains: Mapping[str, str]
    rules: Mapping[str, tuple[int, ...]]
    """Handles by chain, in order."""
    sets: Mapping[str, Shape]
    elements: Mapping[str, Mapping[bytes, bytes]]
    """Keys to data by set; of gate sets, the gates that are open."""


# -- messages ----------------------------------------------------------------------------------


def new_table(flags: int) -> Message:
    """Create or claim the table."""
    return request(
        _NEWTABLE,
        _TABLE_NAME,
        be32(2, flags),  # NFTA_TABLE_FLAGS
        flags=NLM_F_CREATE,
        what=f"claiming nftables table netdev {TABLE}",
    )


def delete_table() -> Message:
    """Remove the table and all that is in it."""
    return request(_DELTABLE, _TABLE_NAME, what=f"removing nftables table netdev {TABLE}")


def element(key: bytes, data: bytes = b"", *, timeout_ms: int = 0) -> bytes:
    """One set element: its key, for maps its data, for gates how long it lives."""
    # NFTA_SET_ELEM_KEY, _DATA: NFTA_DATA_VALUE; NFTA_SET_ELEM_TIMEOUT
    parts = nested(1, attribute(1, key))
    if data:
        parts += nested(2, attribute(1, data))
    if timeout_ms:
        parts += be64(4, timeout_ms)
    return nested(1, parts)


_GATE: Final = element(bytes(6), timeout_ms=1)
_GATE_MAC: Final = slice(12, 18)


def gate_element(mac: bytes, timeout_ms: int) -> bytes:
    """The element of an open gate; the same as `element`, but ten times as fast."""
    before, between = _GATE[: _GATE_MAC.start], _GATE[_GATE_MAC.stop : -8]
    return before + mac + between + timeout_ms.to_bytes(8, "big")


def add_elements(set_name: str, elements: Iterable[bytes], *, flags: int = 0) -> list[Message]:
    """Add elements; those that exist stay as they are, or fail with NLM_F_EXCL in `flags`."""
    return _element_messages(_NEWSETELEM, set_name, elements, NLM_F_CREATE | flags, "adding to")


def delete_elements(set_name: str, elements: Iterable[bytes]) -> list[Message]:
    """Delete elements; fails with ENOENT if one does not exist or has expired."""
    return _element_messages(_DELSETELEM, set_name, elements, 0, "deleting from")


def _element_messages(
    kind: int, set_name: str, elements: Iterable[bytes], flags: int, verb: str
) -> list[Message]:
    remaining = iter(elements)
    # NFTA_SET_ELEM_LIST_TABLE, _SET, _ELEMENTS
    place = _TABLE_NAME + text(2, set_name)
    messages: list[Message] = []
    while part := list(islice(remaining, _ELEMENTS_PER_MESSAGE)):
        body = place + nested(3, *part)
        messages.append(Message(kind, flags, body, f"{verb} nftables set {set_name}"))
    return messages


def _new_set(wanted: Set, identity: int) -> Message:
    key_type = 0
    for part in wanted.key:
        key_type = key_type << _TYPE_BITS | part.number
    shape = _shape(wanted)
    body = [
        _TABLE_NAME,
        text(2, wanted.name),
        be32(3, shape.flags),
        be32(4, key_type),
        be32(5, shape.key_length),
        be32(10, identity),
    ]
    if wanted.data is not None:
        body += [be32(6, wanted.data.number), be32(7, wanted.data.length)]
    if wanted.size:
        body.append(nested(9, be32(1, wanted.size)))  # NFTA_SET_DESC: NFTA_SET_DESC_SIZE
    what = f"creating nftables set {wanted.name}"
    return request(_NEWSET, *body, flags=NLM_F_CREATE, what=what)


def _shape(wanted: Set) -> Shape:
    lengths = [part.length for part in wanted.key]
    padded = sum((length + 3) & ~3 for length in lengths)
    flags = _SET_IS_MAP if wanted.data else 0
    flags |= _SET_HAS_TIMEOUT if wanted.timeout else 0
    flags |= _SET_IS_DYNAMIC if wanted.size else 0
    return Shape(
        flags=flags,
        key_length=lengths[0] if len(lengths) == 1 else padded,
        data_length=wanted.data.length if wanted.data else 0,
    )


def _delete_set(name: str) -> Message:
    return request(_DELSET, _TABLE_NAME, text(2, name), what=f"deleting nftables set {name}")


def _new_chain(wanted: Chain) -> Message:
    body = [_TABLE_NAME, text(3, wanted.name)]
    what = f"creating nftables chain {wanted.name}"
    if wanted.hook is not None:
        hook = wanted.hook
        # NFTA_CHAIN_HOOK: NFTA_HOOK_HOOKNUM, _PRIORITY, _DEV; NFTA_CHAIN_POLICY, _TYPE
        place = be32(1, hook.number) + be32(2, hook.priority) + text(3, hook.device)
        body += [nested(4, place), be32(5, _POLICY_ACCEPT), text(7, "filter")]
        what += f" on {hook.device}"
    return request(_NEWCHAIN, *body, flags=NLM_F_CREATE, what=what)


def _delete_chain(name: str) -> Message:
    return request(_DELCHAIN, _TABLE_NAME, text(3, name), what=f"deleting nftables chain {name}")


def _flush_chain(name: str) -> Message:
    return request(_DELRULE, _TABLE_NAME, text(2, name), what=f"emptying nftables chain {name}")


def _add_rule(chain: str, rule: Rule) -> Message:
    comment = rule.comment.encode() + b"\0"
    return request(
        _NEWRULE,
        _TABLE_NAME,
        text(2, chain),
        nested(4, rule.expressions),
        attribute(7, bytes((_COMMENT, len(comment))) + comment),  # NFTA_RULE_USERDATA
        flags=NLM_F_CREATE | NLM_F_APPEND,
        what=f"adding a rule to nftables chain {chain}",
    )


# -- dumps -------------------------------------------------------------------------------------


def read_content(socket: NetfilterSocket) -> Content:
    """Read the whole table. Raises PlatformError; a missing table reads as empty."""
    chains = {
        _name(chain, 3): _device(chain.get(4, b""))
        for chain in socket.dump(request(_GETCHAIN, what="reading nftables chains"))
        if _name(chain, 1) == TABLE
    }
    rules: dict[str, list[int]] = {name: [] for name in chains}
    for rule in read_rules(socket):
        rules.setdefault(rule.chain, []).append(rule.handle)
    sets = {
        _name(found, 2): Shape(
            number(found.get(3, b"")) & (_SET_IS_MAP | _SET_HAS_TIMEOUT | _SET_IS_DYNAMIC),
            number(found.get(5, b"")),
            number(found.get(7, b"")),
        )
        for found in socket.dump(request(_GETSET, _TABLE_NAME, what="reading nftables sets"))
        if _name(found, 1) == TABLE
    }
    elements = {
        name: {key: data for key, data, _remaining in read_elements(socket, name)} for name in sets
    }
    handles = {chain: tuple(found) for chain, found in rules.items()}
    return Content(chains=chains, rules=handles, sets=sets, elements=elements)


def read_rules(socket: NetfilterSocket) -> list[ReadRule]:
    """All rules of the table, chain by chain, in order."""
    dump = socket.dump(request(_GETRULE, _TABLE_NAME, what="reading nftables rules"))
    return [
        ReadRule(
            chain=_name(rule, 2),
            handle=number(rule.get(3, b"")),
            comment=_comment(rule.get(7, b"")),
            packets=_packets(rule.get(4, b"")),
        )
        for rule in dump
        if _name(rule, 1) == TABLE
    ]


def read_elements(socket: NetfilterSocket, set_name: str) -> list[tuple[bytes, bytes, int]]:
    """(key, data, remaining ms or 0) of each element of a set that has not expired."""
    ask = request(
        _GETSETELEM, _TABLE_NAME, text(2, set_name), what=f"reading nftables set {set_name}"
    )
    found: list[tuple[bytes, bytes, int]] = []
    for answer in socket.dump(ask):
        for _kind, item in repeated(answer.get(3, b"")):
            parts = attributes(item)
            remaining = number(parts.get(5, b""))  # NFTA_SET_ELEM_EXPIRATION
            if remaining or 4 not in parts:  # or NFTA_SET_ELEM_TIMEOUT
                key, data = attributes(parts[1]), attributes(parts.get(2, b""))
                found.append((key[1], data.get(1, b""), remaining))
    return found


def _name(found: Mapping[int, bytes], kind: int) -> str:
    return found.get(kind, b"").rstrip(b"\0").decode("utf-8", "surrogateescape")


def _device(hook: bytes) -> str:
    """The device of a hook: NFTA_HOOK_DEV, "" if it is gone or there is no hook."""
    return _name(attributes(hook), 3)


def _comment(userdata: bytes) -> str:
    if len(userdata) < 2 or userdata[0] != _COMMENT:
        return ""
    return userdata[2 : 2 + userdata[1]].rstrip(b"\0").decode(errors="replace")


def _packets(expressions: bytes) -> int:
    for _kind, expression in repeated(expressions):
        parts = attributes(expression)
        if _name(parts, 1) == "counter":
            return number(attributes(parts.get(2, b"")).get(2, b""))
    return 0


# -- from what is there to what shall be -------------------------------------------------------


def changes(
    present: Content, wanted: Ruleset, *, intact: Mapping[str, tuple[Rule, ...]]
) -> list[Message]:
    """The one transaction that makes `present` into `wanted`; empty if nothing differs.

    `intact` names the chains whose rules are known, and these rules; others are rewritten.
    Open gates stay open as long as their virtual MAC does. The order satisfies the kernel:
    what refers to something goes before it, and comes after it.
    """
    chains = {chain.name: chain for chain in wanted.chains}
    sets = {wanted_set.name: wanted_set for wanted_set in wanted.sets}
    old_chains = [
        name
        for name, device in present.chains.items()
        if name not in chains or device != _hook_device(chains[name])
    ]
    old_sets = [
        name
        for name, shape in present.sets.items()
        if name not in sets or shape != _shape(sets[name])
    ]
    kept = present.chains.keys() - set(old_chains)
    new_chains = [chain for chain in wanted.chains if chain.name not in kept]
    rewritten = [
        chain
        for chain in wanted.chains
        if chain.name not in kept or intact.get(chain.name) != chain.rules
    ]
    flushed = [*old_chains, *(chain.name for chain in rewritten if chain.name in kept)]
    new_sets = [s for s in wanted.sets if s.name not in present.sets or s.name in old_sets]
    return [
        *map(_flush_chain, flushed),
        *map(_delete_chain, old_chains),
        *map(_delete_set, old_sets),
        *(_new_set(s, identity) for identity, s in enumerate(new_sets, 1)),
        *_element_changes(present, sets.values(), {s.name for s in new_sets}, sets),
        *map(_new_chain, new_chains),
        *(_add_rule(chain.name, rule) for chain in rewritten for rule in chain.rules),
    ]


def with_elements_of(
    present: Content, wanted: Ruleset, *, intact: Mapping[str, tuple[Rule, ...]]
) -> Content | None:
    """What the table holds after `changes`; None when more than elements of sets changed."""
    chains = {chain.name: _hook_device(chain) for chain in wanted.chains}
    shapes = {each.name: _shape(each) for each in wanted.sets}
    is_same = present.chains == chains and present.sets == shapes
    if not is_same or any(intact.get(chain.name) != chain.rules for chain in wanted.chains):
        return None
    elements = {each.name: dict(each.elements) for each in wanted.sets if not each.is_lively}
    return replace(present, elements={**present.elements, **elements})


def _hook_device(chain: Chain) -> str:
    return chain.hook.device if chain.hook else ""


def _element_changes(
    present: Content, wanted: Iterable[Set], new: set[str], sets: Mapping[str, Set]
) -> list[Message]:
    messages: list[Message] = []
    for each in wanted:
        old = {} if each.name in new else present.elements[each.name]
        if each.is_lively:
            macs = sets[f"mine_{each.name.partition('_')[2]}"].elements
            gone: Sequence[bytes] = [key for key in old if key not in macs]
            added: Sequence[tuple[bytes, bytes]] = ()
        else:
            gone = [key for key, data in old.items() if each.elements.get(key) != data]
            added = [pair for pair in each.elements.items() if old.get(pair[0]) != pair[1]]
        messages += delete_elements(each.name, map(element, gone))
        messages += add_elements(each.name, (element(key, data) for key, data in added))
    return messages


def difference(present: Content, wanted: Ruleset, handles: Mapping[str, tuple[int, ...]]) -> str:
    """What is missing or changed in the table, in words; "" if nothing is.

    `handles` are those of the rules as they were written. Lively sets may hold anything.
    """
    for chain in wanted.chains:
        if chain.name not in present.chains:
            return f"chain {chain.name} is missing"
        if present.chains[chain.name] != _hook_device(chain):
            return f"chain {chain.name} has lost its device"
        if present.rules.get(chain.name, ()) != handles.get(chain.name, ()):
            return f"rules of chain {chain.name} have changed"
    for each in wanted.sets:
        if each.name not in present.sets:
            return f"set {each.name} is missing"
        if not each.is_lively and present.elements[each.name] != each.elements:
            return f"elements of set {each.name} have changed"
    return ""
