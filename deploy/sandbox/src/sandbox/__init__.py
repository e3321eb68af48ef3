"""Stand-ins for the outside world: payment providers, a mailbox, and a dial that makes them misbehave."""
