"""Versioned training sets: frozen inputs, split, files, schema, card, manifest, gates."""
