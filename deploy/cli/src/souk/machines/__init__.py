"""Private servers and processes for `make run`, the tests and the fault tests."""
