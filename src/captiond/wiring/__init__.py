"""The composition root: constructs the concrete classes from the settings, and runs the services."""
