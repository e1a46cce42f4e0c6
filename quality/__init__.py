"""How good the labels are: agreement, expectations, and the report that says so with its uncertainty."""
