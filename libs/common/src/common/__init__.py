"""The machinery every service stands on, and the facts they share."""
