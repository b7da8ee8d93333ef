"""Constructs the queues from the settings."""

from captiond.operations.dead_letter_files import FOLDER, DeadLetterFiles
from captiond.operations.dead_letters import DeadLetterQueues
from captiond.pipeline import WEBHOOKS
from captiond.settings import ConfigurationError, Settings, require_value
from captiond.workqueue import Broker, Budget
from captiond.workqueue.admin import DeadLetters, ServerRequirements


def open_broker(settings: Settings) -> Broker:
    """Create the broker, without connecting. Raises ConfigurationError, such as StackNotRunning."""
    return _make_broker(settings, notifications=False)


def open_notifications(settings: Settings) -> Broker:
    """Create the broker of queue `webhooks`, without connecting. Raises ConfigurationError."""
    return _make_broker(settings, notifications=True)


def make_budget(settings: Settings) -> Budget:
    """Return the limits of the queues."""
    return Budget(settings.max_backlog, settings.max_backlog_bytes, settings.max_dead_letter_bytes)


def make_server_requirements(settings: Settings) -> ServerRequirements:
    """Return what the durability setting requires of Redis."""
    replicas = settings.replicas if settings.durability == "ha" else 0
    return ServerRequirements(fsync=settings.durability != "fast", replicas=replicas)


def make_dead_letter_files(settings: Settings) -> DeadLetterFiles:
    """Return the directory of the dead letters that exceed their budget."""
    return DeadLetterFiles(settings.dead_letter_dir or settings.images_dir / FOLDER)


def make_dead_letters(broker: Broker, settings: Settings) -> DeadLetterQueues:
    """Return the dead letters of all queues."""

    def open_queue(queue: str) -> DeadLetters:
        return broker.notification_dead_letters(queue) if queue == WEBHOOKS else broker.dead_letters(queue)

    return DeadLetterQueues(open_queue, make_dead_letter_files(settings))


def _make_broker(settings: Settings, *, notifications: bool) -> Broker:
    require_value(settings, "redis_url")
    try:
        return Broker(settings.redis_url.get_secret_value(), notifications=notifications)
    except ValueError as error:
        raise ConfigurationError(f"CAPTIOND_REDIS_URL: {error}") from error
