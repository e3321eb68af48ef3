"""A stand-in for Stripe: payment intents, charges, refunds, events and signed webhooks."""
