"""Stripe Checkout: sessions, and the hosted page on which a customer pays them."""
