"""The format of traces: JSON lines that the daemon writes and the simulator replays.

Knows what is written and how it is read again; not how it comes into a file, nor what a replay
does with it. docs/reference/trace.md tells it to others.
"""
