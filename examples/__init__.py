"""Clients that use only the public API."""
