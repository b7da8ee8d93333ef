"""Tasks that combine the capabilities, for services and commands."""
