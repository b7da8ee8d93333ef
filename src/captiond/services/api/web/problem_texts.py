"""The texts for problem types, which the page translates. Other types are shown in English."""

from captiond.services.api.http import problem_types
from captiond.services.api.web.marking import mark as _

TEXTS = {
    "not-found": _("This page does not exist."),
    problem_types.UNAUTHORIZED.name: _("The session has ended. Log in again."),
    problem_types.MISSING_SCOPE.name: _("Your API key does not allow this page."),
    problem_types.WRONG_NETWORK.name: _("Your API key is not valid in this network."),
    problem_types.UNKNOWN_IMAGE.name: _("No image has this ID."),
    problem_types.IMAGE_DELETED.name: _("This image was deleted."),
    problem_types.KEY_OF_DELETED_IMAGE.name: _("This image was archived before and has been deleted."),
    problem_types.IMAGE_HELD.name: _("A legal hold prevents the deletion of this image."),
    problem_types.KEYS_NOT_REQUIRED.name: _(
        "The page manages API keys only while they are required. Create one with captiond keys create --scope admin, "
        "then set CAPTIOND_AUTH=keys."
    ),
    problem_types.UNKNOWN_KEY.name: _("No valid API key has this ID. It may have been revoked."),
    problem_types.UNKNOWN_WEBHOOK.name: _("This webhook does not exist. It may have been deleted."),
    problem_types.IN_FLIGHT.name: _("The image has been accepted and is not archived yet."),
    problem_types.IMAGE_FAILED.name: _("The image could not be captioned."),
    problem_types.FILE_MISSING.name: _("The file of this image is missing from the archive."),
    problem_types.FILE_ALTERED.name: _("The file of this image was altered after it was archived."),
    problem_types.ORIGINAL_GONE.name: _("The original of this image is not available."),
    problem_types.UNKNOWN_DEAD_LETTER.name: _("This dead letter does not exist. It may have been retried or dropped."),
    problem_types.INVALID_REQUEST.name: _("The request contains an invalid value."),
    problem_types.NOT_A_JPEG.name: _("The file is not a JPEG."),
    problem_types.TOO_LARGE.name: _("The file is too large."),
    problem_types.UNAVAILABLE.name: _("The archive or the queue is unavailable. Try again in a moment."),
    problem_types.OVERLOADED.name: _("The server is busy. Try again in a moment."),
    problem_types.SEARCH_BUSY.name: _("Too many searches are running. Try again in a moment."),
    problem_types.SEARCH_TIMEOUT.name: _("The search took too long. Search for a longer text or a shorter period."),
    problem_types.QUEUE_FULL.name: _("The queue is full. Try again in a moment."),
    problem_types.INTERNAL.name: _("An internal error occurred. The log has its cause."),
}


def describe_problem(name: str) -> str | None:
    """Return the text for a problem type, to be translated; None for other types."""
    return TEXTS.get(name)
