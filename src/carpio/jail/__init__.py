"""FreeBSD's jail(8): the language of jail.conf(5). Jails are not started yet."""
