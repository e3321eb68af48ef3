"""A new service: laid out like the others, and named wherever they are named."""
