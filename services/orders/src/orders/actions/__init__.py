"""What orders can do, by subject."""
