"""The faults, by what they hurt."""
