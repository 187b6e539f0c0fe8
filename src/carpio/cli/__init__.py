"""The commands for people: arguments in, text and exit statuses out."""
