"""The texts for the actions of the audit log, which the page translates. Other actions are shown by their names."""

from captiond.services.api.web.marking import mark as _

TEXTS = {
    "login": _("Log in to the page"),
    "upload": _("Upload an image"),
    "read.image": _("Read an image"),
    "read.original": _("Read an original"),
    "read.thumbnail": _("Read a thumbnail"),
    "read.export": _("Export images"),
    "images.hold": _("Put a legal hold"),
    "images.unhold": _("Release a legal hold"),
    "images.delete": _("Delete an image"),
    "prune": _("Delete old images"),
    "dead-letters.retry": _("Retry dead letters"),
    "dead-letters.drop": _("Delete dead letters"),
    "dead-letters.export": _("Export dead letters"),
    "signing-key.create": _("Create a signing key"),
    "keys.create": _("Create an API key"),
    "keys.revoke": _("Revoke an API key"),
    "webhooks.create": _("Create a webhook"),
    "webhooks.rotate": _("Replace the secret of a webhook"),
    "webhooks.enable": _("Enable a webhook"),
    "webhooks.delete": _("Delete a webhook"),
    "verify": _("Verify the archive"),
    "audit.expired": _("Delete expired entries"),
    "audit.lost": _("Lost entries"),
}


def describe_action(name: str) -> str | None:
    """Return the text for an action, to be translated; None for other actions."""
    return TEXTS.get(name)
