"""Payments: calls to the providers, what is learned from them, and refunds."""
