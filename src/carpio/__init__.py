"""carpio: CARP for Linux hosts, and proof on the wire.

Importing the package imports nothing else; each part is imported where it is used.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
