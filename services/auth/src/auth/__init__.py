"""Souk auth: users, credentials, sessions and signing keys."""
