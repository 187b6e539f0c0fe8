"""One module per command, imported when it runs; each has `run(arguments, environment)`."""
