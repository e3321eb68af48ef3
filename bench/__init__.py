"""Load and side-by-side measurements: ours beside the floor, in alternating rounds of the same run."""
