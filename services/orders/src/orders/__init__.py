"""Orders: what somebody wants to buy, at which price, and what became of it."""
