"""Values to decisions: the CARP engine. Pure; knows no clock, socket, file or log.

The contract, in one paragraph: one `Engine` serves all instances of one network
stack. `Engine.handle(event, now)` returns effects in the order in which they must
be performed; `Engine.next_deadline()` says when `DeadlineReached` is due at the
latest. Time is monotonic integer nanoseconds and always an argument.
"""
