"""The real world: Linux clocks, packet sockets, netlink, signals and the control socket.

Knows Linux; must not know election rules, which are the engine's.
"""
