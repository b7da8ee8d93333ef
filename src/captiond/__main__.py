"""Runs `python -m captiond`."""

from captiond.entry import main

# Guarded, because a spawned process imports this module again.
if __name__ == "__main__":
    main()
