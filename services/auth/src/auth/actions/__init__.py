"""What auth can do, by subject."""
