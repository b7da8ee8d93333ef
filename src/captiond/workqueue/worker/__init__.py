"""The worker: receives messages, handles them, acknowledges, retries or rejects them."""
