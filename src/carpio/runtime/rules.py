"""The two policy rules of BACKUP routing, and the promise that `lookup local` is never lost.

`BACKUP_TABLE` must be asked before the local table; the kernel asks local first (priority 0),
so local moves right behind our table. Nothing of anybody else's comes to stand before local.
All rules carry protocol kernel, so that other network managers leave them alone.
"""

from __future__ import annotations

import errno

from carpio.runtime.inventory import BACKUP_TABLE, Inventory
from carpio.runtime.rtnetlink import Request, RouteSocket, add_rule, delete_rule
from carpio.runtime.rtobjects import RT_TABLE_LOCAL, Rule

__all__ = ["ensure_rules", "remove_rules"]

_BACKUP_PRIORITY = 1
_LOCAL_PRIORITY = 2


def _lookups(inventory: Inventory, family: int, table: int) -> list[int]:
    def matches(rule: Rule) -> bool:
        return rule.plain and rule.family == family and rule.table == table

    return sorted(rule.priority for rule in inventory.rules if matches(rule))


def _families(inventory: Inventory) -> list[int]:
    return sorted({rule.family for rule in inventory.rules})


def ensure_rules(routes: RouteSocket, inventory: Inventory) -> bool:
    """Put the rules right; return True when something had to change. Raises PlatformError."""
    requests: list[Request] = []
    for family in _families(inventory):
        local = _lookups(inventory, family, RT_TABLE_LOCAL)
        if not [priority for priority in local if priority > _BACKUP_PRIORITY]:
            requests.append(add_rule(family, priority=_LOCAL_PRIORITY, table=RT_TABLE_LOCAL))
        if _BACKUP_PRIORITY not in _lookups(inventory, family, BACKUP_TABLE):
            requests.append(add_rule(family, priority=_BACKUP_PRIORITY, table=BACKUP_TABLE))
        if 0 in local:
            requests.append(delete_rule(family, priority=0, table=RT_TABLE_LOCAL))
    routes.require(requests, tolerate=(errno.EEXIST, errno.ENOENT))
    return bool(requests)


def remove_rules(routes: RouteSocket, inventory: Inventory) -> None:
    """Put the kernel's own order back: local at priority 0 first, then ours away."""
    requests: list[Request] = []
    for family in _families(inventory):
        local = _lookups(inventory, family, RT_TABLE_LOCAL)
        if 0 not in local and not [p for p in local if p > _LOCAL_PRIORITY]:
            requests.append(add_rule(family, priority=0, table=RT_TABLE_LOCAL))
        if _BACKUP_PRIORITY in _lookups(inventory, family, BACKUP_TABLE):
            requests.append(delete_rule(family, priority=_BACKUP_PRIORITY, table=BACKUP_TABLE))
        if _LOCAL_PRIORITY in local:
            requests.append(delete_rule(family, priority=_LOCAL_PRIORITY, table=RT_TABLE_LOCAL))
    routes.require(requests, tolerate=(errno.EEXIST, errno.ENOENT))
