"""What payments can do, by subject."""
