"""The command line of Souk, and the whole system in one process."""
