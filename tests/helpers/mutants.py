"""Tables of the election that are broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from carpio.core.model import State
from carpio.core.table import RULES, Rule, Step, Trigger

__all__ = ["broken", "without"]


def broken(state: State, trigger: Trigger, rule: Rule | None) -> object:
    """Return the table with another rule for a trigger, or none."""
    rules = dict(RULES[state])
    if rule is None:
        del rules[trigger]
    else:
        rules[trigger] = rule
    return MappingProxyType({**RULES, state: MappingProxyType(rules)})


def without(step: Step, state: State, trigger: Trigger) -> Rule:
    """Return a rule of the table without one of its steps."""
    rule = RULES[state][trigger]
    return replace(rule, steps=tuple(one for one in rule.steps if one is not step))
