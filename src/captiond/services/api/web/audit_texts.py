"""The texts for the actions of the audit log, which the page translates. Other actions are shown by their names."""


def _(text: str) -> str:
    """Mark a text for translation, which happens when it is shown."""
    return text


TEXTS = {
    "upload": _("Image uploaded"),
    "read.image": _("Image read"),
    "read.original": _("Original read"),
    "read.thumbnail": _("Thumbnail read"),
    "read.export": _("Images exported"),
    "images.hold": _("Legal hold set"),
    "images.unhold": _("Legal hold released"),
    "images.delete": _("Image deleted"),
    "prune": _("Old images deleted"),
    "dead-letters.retry": _("Dead letters retried"),
    "dead-letters.drop": _("Dead letters deleted"),
    "dead-letters.export": _("Dead letters exported"),
    "signing-key.create": _("Signing key created"),
    "keys.create": _("API key created"),
    "keys.revoke": _("API key revoked"),
    "verify": _("Archive verified"),
    "audit.expired": _("Expired entries deleted"),
    "audit.lost": _("Entries lost"),
}


def describe_action(name: str) -> str | None:
    """Return the text for an action, to be translated; None for other actions."""
    return TEXTS.get(name)
