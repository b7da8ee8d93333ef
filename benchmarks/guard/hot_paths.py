"""Which paths are guarded, and how often each is gone along."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HotPath:
    """A path, and how many images pass it unmeasured, then in the short run, then in the long one.

    The cost of one is (long - short) / (images of long - images of short): what begins and ends a run falls out.
    """

    name: str
    what: str
    warm_up: int
    few: int
    many: int

    @property
    def images(self) -> int:
        return self.warm_up + self.few + self.many

    def cost(self, instructions_of_few: int, instructions_of_many: int) -> int:
        """The instructions that one image takes."""
        return round((instructions_of_many - instructions_of_few) / (self.many - self.few))


@dataclass(frozen=True, slots=True)
class Place:
    """Where one measurement has its files and its Valkey."""

    folder: Path
    redis_url: str


CAPTION = HotPath("caption", "a caption of 50 characters, spliced, standard Huffman tables", 32, 32, 160)
CAPTION_OWN_TABLES = HotPath("caption-own-tables", "the same, the camera's own Huffman tables", 32, 32, 160)
UPLOAD = HotPath("upload", "POST /api/images, 60 KB, 16 at a time", 64, 64, 256)
# Whole batches, as the services take them: 32 and 64.
CAPTIONER = HotPath("captioner", "receive, caption, hand off", 32, 32, 160)
ARCHIVER = HotPath("archiver", "receive, keep in files and SQLite, finish", 64, 128, 512)
HOT_PATHS = (CAPTION, CAPTION_OWN_TABLES, UPLOAD, CAPTIONER, ARCHIVER)
