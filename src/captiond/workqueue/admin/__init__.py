"""Views and operations for operators: statistics, inventory, dead letters, server check."""
