"""People: consent, erasure, and the door that stays shut."""
