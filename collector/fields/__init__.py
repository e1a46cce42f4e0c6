"""What a payload may hold: a module for each kind of field, and the registry that knows them all."""
