"""Bytes to values and back: formats, checksum, HMAC and protocol constants. Pure."""
