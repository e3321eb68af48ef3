"""Bare applications that do the same work without anything of ours: what the machine gives at best."""
