"""A mailbox that takes every mail and shows it instead of passing it on."""
