"""Real daemons in network namespaces: hosts, a switch, a client, and a judge on the wire.

The lab drives installed commands only. It knows nothing of the daemon's inside and
believes nothing the daemon says: every verdict comes from frames captured at the switch.
"""
