"""`souk demo`: a scripted customer walks every kind of purchase and shows what happens, step by step."""

from souk.demo.running import demo, demo_of_own

__all__ = ["demo", "demo_of_own"]
