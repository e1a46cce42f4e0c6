"""Two kinds that Winnow does not have, added as anybody would add one: a file each, a row each."""
