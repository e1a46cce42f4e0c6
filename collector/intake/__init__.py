"""A batch's way in: read, check, anonymize, enrich, fingerprint, store."""
