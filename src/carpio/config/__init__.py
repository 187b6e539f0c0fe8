"""Configuration: TOML files become frozen, valid values; it knows nothing of the network."""
