"""Souk's notifier service."""
