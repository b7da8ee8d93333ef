"""The notifier reads queue `webhooks` and sends the events of images to the webhooks."""
