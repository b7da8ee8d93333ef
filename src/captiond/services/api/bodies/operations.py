"""The JSON body of `GET /api/operations`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from captiond.services.api.bodies.images import Moment


class EffectiveSetting(BaseModel):
    """A setting with its value, without passwords, and its source."""

    name: str
    value: str | int | float | bool | None
    source: str


class ReadinessReport(BaseModel):
    """The result of the readiness check, with the causes that `/health/ready` hides."""

    ready: bool
    problems: list[str]
    warnings: list[str]


class ConsumerReport(BaseModel):
    """A worker process of a queue. Service and host are null for a name of another format."""

    name: str
    service: str | None
    host: str | None
    in_flight: int
    idle_seconds: float
    last_seen: Moment


class QueueReport(BaseModel):
    """One queue: message counts, age in seconds, bytes, and at most 100 consumers, the most recently active first."""

    queue: str
    depth: int
    in_flight: int
    delayed: int
    dead_letters: int
    oldest_age_seconds: float
    bytes: int
    active_consumers: int = Field(description="consumers that were active within the last 60 s")
    consumers: list[ConsumerReport]


class BudgetReport(BaseModel):
    """A limit and how much of it is used."""

    used: int
    limit: int


class BudgetsReport(BaseModel):
    """The limits of the queues. At the limit of messages or bytes, uploads get 503."""

    messages: BudgetReport
    bytes: BudgetReport
    dead_letter_bytes: BudgetReport


class TotalsReport(BaseModel):
    """Lifetime counters. `failed` counts moves to a dead-letter queue."""

    accepted: int
    archived: int
    failed: int
    damaged: int
    dropped: int
    redelivered: int
    leases_expired: int
    fenced: int
    unaccounted: int


class Changes(BaseModel):
    """The increase of four counters. `failed` counts moves to a dead-letter queue."""

    accepted: int
    archived: int
    failed: int
    damaged: int


class PointReport(BaseModel):
    """One interval. For a gap, `changes` is null. `seconds` is the time that the changes took."""

    at: Moment
    seconds: float
    changes: Changes | None


class PeriodReport(BaseModel):
    """The last hour or day. The last point is the current interval, which is incomplete."""

    step_seconds: int
    seconds: float = Field(description="measured part of the period, to divide `changes` by")
    changes: Changes
    points: list[PointReport]


class HistoryReport(BaseModel):
    """Rates per minute for an hour, and per 10 minutes for a day."""

    hour: PeriodReport
    day: PeriodReport


class VerifySummary(BaseModel):
    """The last result of `captiond verify`."""

    model_config = ConfigDict(from_attributes=True)

    started_at: Moment
    finished_at: Moment
    images: int
    findings: dict[str, int] = Field(description="number of findings by kind")
    version: str
    host: str


class PipelineReport(BaseModel):
    """What Redis contains."""

    server: str = Field(examples=["Valkey 9.1.0"])
    queues: list[QueueReport]
    budgets: BudgetsReport
    totals: TotalsReport
    history: HistoryReport
    last_verify: VerifySummary | None = Field(description="null: `captiond verify` has stored no result")


class DatabaseReport(BaseModel):
    """The database and the revision of its schema."""

    model_config = ConfigDict(from_attributes=True)

    dialect: str
    version: str
    schema_revision: str | None


class VersionsReport(BaseModel):
    """Versions of this API process."""

    captiond: str
    python: str
    pillow: str
    decoder: Literal["compiled", "interpreted"]


class OperationsReport(BaseModel):
    """The state of the system. A part whose server does not answer is null."""

    measured_at: Moment
    readiness: ReadinessReport
    pipeline: PipelineReport | None = Field(description="null: Redis is unavailable")
    database: DatabaseReport | None = Field(description="null: the database is unavailable")
    versions: VersionsReport
    settings: list[EffectiveSetting] = Field(description="settings of this API process; passwords are hidden")
