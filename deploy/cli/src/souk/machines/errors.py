"""The one way a machine fails."""


class MachineError(RuntimeError):
    """A server could not be found, started or reached; the message says how to mend it."""
