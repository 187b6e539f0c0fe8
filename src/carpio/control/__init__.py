"""The daemon's language: requests, replies, their version, and how to reach the daemon."""
