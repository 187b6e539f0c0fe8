"""What is happening on this wire and on this host, and why. Reads; changes nothing."""
