"""The images of all cameras, each determined by the seed, the time of the first one, and its number."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from uuid import UUID

from captiond.simulator.frames import Scene

_STREETS = ("Ленина", "Садовая", "Невский пр.", "Мира", "High Street", "Station Road", "Mill Lane", "Ring Road")
_TEXTS = (
    "С начала фазы запрещающего сигнала прошло: {seconds} секунд",
    "Превышение скорости: {speed} км/ч при разрешённых 60 км/ч",
    "Выезд на полосу встречного движения, ГРЗ {plate}",
    "Пересечение стоп-линии, полоса {lane}, ГРЗ {plate}",
    "Температура −{seconds} °C, видимость {distance} м",
    "Red light for {seconds} seconds, lane {lane}",
    "Speed {speed} km/h, limit 60 km/h, plate {plate}",
    "Motion detected at gate {lane}; battery {percent} %",
    "Parking space {lane} occupied for {seconds} min",
)
_LETTERS = "АВЕКМНОРСТУХ"


@dataclass(frozen=True, slots=True)
class Shot:
    """One image of a camera, with the texts that the camera sends. `number` counts those of all cameras."""

    number: int
    camera_number: int
    camera: str
    captured_at: datetime
    description: str
    labels: dict[str, str]
    event_id: UUID
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """`count` images of `cameras` cameras that take turns, `rate` images per second in total.

    The zone of `start` is that of the clocks of the cameras.
    """

    cameras: int
    rate: float
    count: int
    start: datetime
    seed: int

    def due_seconds(self, number: int) -> float:
        """The time at which an image is due, in seconds after the first image."""
        return number / self.rate

    def take(self, number: int) -> Shot:
        """Draw an image. Equal plans give equal images."""
        camera_number = number % self.cameras
        camera = self._names[camera_number]
        choices = random.Random(f"{self.seed} {number}")  # noqa: S311 - no secret
        captured_at = self.start + timedelta(seconds=self.due_seconds(number))
        labels = {
            "speed": str(choices.randrange(20, 140)),
            "plate": _make_plate(choices),
            "lane": str(choices.randrange(1, 4)),
        }
        values = {"seconds": choices.randrange(2, 40), "distance": 50 * choices.randrange(1, 40)}
        text = choices.choice(_TEXTS).format(**labels, **values, percent=choices.randrange(1, 100))
        jpeg = self._scenes[camera_number].draw(number // self.cameras, f"{captured_at:%Y-%m-%d %H:%M:%S}", choices)
        event_choices = random.Random(f"{self.seed} {self.start.astimezone(UTC)} {number}")  # noqa: S311 - no secret
        event_id = UUID(int=event_choices.getrandbits(128), version=4)
        return Shot(number, camera_number, camera, captured_at, text, labels, event_id, jpeg)

    @cached_property
    def _names(self) -> list[str]:
        choices = random.Random(f"{self.seed} names")  # noqa: S311 - no secret
        return [f"{choices.choice(_STREETS)} {number + 1}" for number in range(self.cameras)]

    @cached_property
    def _scenes(self) -> list[Scene]:
        # Memory for a few scenes, however many cameras share them.
        count = min(self.cameras, 16)
        drawn = [
            Scene(f"CAM {number + 1:02}", random.Random(f"{self.seed} scene {number}"))  # noqa: S311 - no secret
            for number in range(count)
        ]
        return [drawn[number % count] for number in range(self.cameras)]


def _make_plate(choices: random.Random) -> str:
    letters = "".join(choices.choices(_LETTERS, k=3))
    return f"{letters[0]}{choices.randrange(1, 1000):03}{letters[1:]}{choices.randrange(1, 200):02}"
