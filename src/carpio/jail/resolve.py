"""From blocks to jails: wildcards merged in the order of the files, variables replaced.

A mistake in one jail is told of that jail alone. Nothing here knows what a value means, but
which names are those of booleans, for which `foo` and `nofoo` are one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from carpio.jail.grammar import Block, Config, Statement
from carpio.jail.lexer import Value, Variable
from carpio.jail.parameters import base_name, is_reserved
from carpio.jail.problems import Problem, at_line

__all__ = ["Jail", "Setting", "is_wildcard", "matches", "resolve", "warnings_of"]

_LONGEST: Final = 1 << 20
"""Characters of all values of a jail; a few variables could otherwise stand for any number."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter by the name that was used last, with its values; none for a bare boolean."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Jail:
    """One jail with all that applies to it, in the order in which the files first say it."""

    name: str
    """Of its block; what messages call it."""
    settings: tuple[Setting, ...]
    """Empty when there are problems."""
    problems: tuple[str, ...] = ()


def is_wildcard(name: str) -> bool:
    """Return whether a block of this name applies to other jails instead of being one."""
    return "*" in name.split(".")


def matches(name: str, wildcard: str) -> bool:
    """Return whether a wildcard applies to the jail of that name."""
    parts, pattern = name.split("."), wildcard.split(".")
    if pattern[-1] == "*":
        parts = [*parts[: len(pattern) - 1], "*"] if len(parts) >= len(pattern) else parts
    return len(parts) == len(pattern) and all(
        other in ("*", part) for part, other in zip(parts, pattern, strict=True)
    )


def resolve(config: Config) -> tuple[Jail, ...]:
    """Return the jails in the order of their blocks."""
    wildcards = [block for block in config.blocks if is_wildcard(block.name)]
    return tuple(_jail(block, wildcards) for block in config.blocks if not is_wildcard(block.name))


def _jail(block: Block, wildcards: list[Block]) -> Jail:
    merged = _Merged()
    merged.begin(block.name)
    applying = [wildcard for wildcard in wildcards if matches(block.name, wildcard.name)]
    for each in sorted([block, *applying], key=lambda one: one.order):
        for statement in each.statements:
            merged.add(statement)
    merged.end(block.name)
    settings = _Resolution(merged.items, merged.problems).settings()
    if merged.problems:
        return Jail(name=block.name, settings=(), problems=tuple(merged.problems))
    return Jail(name=block.name, settings=settings)


# -- merging -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Item:
    name: str
    values: list[Value]
    is_variable: bool = False
    is_fixed: bool = False
    """Whether it follows from the name of the block."""


@dataclass(slots=True)
class _Merged:
    """Parameters and variables of one jail by their base names; they share one name space."""

    items: dict[str, _Item] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def begin(self, name: str) -> None:
        """Set what follows from the name of the block."""
        key = "jid" if _is_number(name) else "name"
        self.items[key] = _Item(key, [(name,)], is_fixed=True)

    def add(self, statement: Statement) -> None:
        """Set or append, or note why not."""
        key = base_name(statement.name)
        item = self.items.get(key)
        is_conflict = item is not None and item.is_variable != statement.is_variable
        if is_conflict or (statement.is_variable and is_reserved(key)):
            self.problems.append(
                f'variable "${statement.name}" cannot have the same name as a parameter.'
            )
        elif item is None:
            self.items[key] = _Item(statement.name, list(statement.values), statement.is_variable)
        elif item.is_fixed:
            self.problems.append(f'cannot redefine parameter "{item.name}".')
        else:
            item.name = statement.name
            item.values = [*(item.values if statement.appends else ()), *statement.values]

    def end(self, name: str) -> None:
        """Give a jail whose block is a number that name, unless it has one."""
        if _is_number(name) and "name" not in self.items:
            self.items["name"] = _Item("name", [(name,)])


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()


# -- variables ---------------------------------------------------------------------------------


class _Resolution:
    """Replaces the variables of one jail, each item once. `problems` grows."""

    def __init__(self, items: dict[str, _Item], problems: list[str]) -> None:
        self._items = items
        self._problems = problems
        self._values: dict[str, tuple[str, ...] | None] = {}
        """By base name; None for what has a problem, or needs what has one."""
        self._left = _LONGEST

    def settings(self) -> tuple[Setting, ...]:
        """Return the parameters with their values."""
        for key in self._items:
            self._resolve(key)
        return tuple(
            Setting(item.name, self._values[key] or ())
            for key, item in self._items.items()
            if not item.is_variable
        )

    def _resolve(self, first: str) -> None:
        """Resolve one item after all that it needs; no recursion, for chains may be long."""
        waiting = {first: self._needs(first)}
        while waiting:
            key = next(reversed(waiting))
            needed = next((n for n in waiting[key] if n not in self._values), None)
            if needed is None:
                if key not in self._values:
                    self._values[key] = self._expanded(self._items[key])
                del waiting[key]
            elif needed in waiting:
                self._problems.append(f"{self._items[needed].name}: variable loop")
                self._values |= dict.fromkeys(waiting, None)
            else:
                waiting[needed] = self._needs(needed)

    def _needs(self, key: str) -> Iterator[str]:
        """Yield the base names of the items that are referred to and there."""
        for value in self._items[key].values:
            for piece in value:
                if isinstance(piece, Variable) and self._item(piece) is not None:
                    yield base_name(piece.name)

    def _item(self, variable: Variable) -> _Item | None:
        item = self._items.get(base_name(variable.name))
        return item if item is not None and item.name == variable.name and item.values else None

    def _expanded(self, item: _Item) -> tuple[str, ...] | None:
        values: list[str] = []
        for value in item.values:
            parts = self._parts(item, value)
            if parts is None:
                return None
            values += parts
        return tuple(values)

    def _parts(self, item: _Item, value: Value) -> tuple[str, ...] | None:
        """Return what one value becomes: usually one text."""
        pieces: list[str] = []
        for piece in value:
            if isinstance(piece, str):
                pieces.append(piece)
                continue
            if self._item(piece) is None:
                return self._fails(f'{item.name}: variable "{piece.name}" not found')
            found = self._values[base_name(piece.name)]
            if found is None:
                return None
            if len(value) == 1:
                return self._counted(item, found)
            if len(found) > 1:
                return self._fails(f"{item.name}: array cannot be substituted inline")
            pieces += found
        return self._counted(item, tuple(pieces), joins=True)

    def _counted(
        self, item: _Item, pieces: tuple[str, ...], *, joins: bool = False
    ) -> tuple[str, ...] | None:
        self._left -= sum(map(len, pieces)) + len(pieces)
        if self._left < 0:
            return self._fails(f"{item.name}: the values of this jail are too long")
        return ("".join(pieces),) if joins else pieces

    def _fails(self, problem: str) -> tuple[str, ...] | None:
        """Note why there is no value."""
        self._problems.append(problem)
        return None


# -- warnings ----------------------------------------------------------------------------------


def warnings_of(config: Config) -> Iterator[Problem]:
    """Yield what in the order of the blocks may not be what was meant."""
    yield from config.warnings
    seen: dict[str, Block] = {}
    for block in config.blocks:
        first = seen.setdefault(block.name, block)
        if first is not block and not is_wildcard(block.name):
            text = f'jail "{block.name}" is there already, in {first.file} line {first.line}'
            yield at_line(block.file, block.line, text)
    for hidden in config.blocks:
        if hidden.is_hidden:
            yield from _shadowed(hidden, config.blocks)


def _shadowed(hidden: Block, blocks: tuple[Block, ...]) -> Iterator[Problem]:
    """Yield the statements outside of all blocks that stand behind a block which wins."""
    later = (block for block in blocks if block.order > hidden.order)
    winners: dict[str, Block] = {}
    for block in later:
        for statement in block.statements:
            winners.setdefault(base_name(statement.name), block)
    for statement in hidden.statements:
        winner = winners.get(base_name(statement.name))
        if winner is not None and winner.order < statement.order:
            where = f'"{winner.name}" in {winner.file} line {winner.line}'
            text = f"{statement.name}: outside of all blocks, so it yields to {where}"
            yield at_line(statement.file, statement.line, text)
