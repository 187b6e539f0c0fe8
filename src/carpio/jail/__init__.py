"""FreeBSD's jail(8): the language of jail.conf(5). `jail` makes, changes and removes them."""
