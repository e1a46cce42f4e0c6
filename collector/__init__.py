"""From the phone to the item: projects, intake, anonymization, consent, erasure, dead letters."""
