"""Documents that people write: what may stand in one is declared once, and read, compared and shown from there."""
