"""The invented world: the daemon's engine over virtual time, a virtual network and faults.

Knows nothing of sockets, files of the system or real time. Everything random comes from seeded
streams, one per purpose, so that a seed means the same run on any machine.
"""
