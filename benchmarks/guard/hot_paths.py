"""The guarded paths and the number of images for each."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HotPath:
    """A path, and the number of images in the warm-up, the short run (`few`) and the long run (`many`).

    The cost per image is the difference of both runs divided by the difference of their images, which excludes the
    cost of starting and ending a run.
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
        """Instructions per image."""
        return round((instructions_of_many - instructions_of_few) / (self.many - self.few))


@dataclass(frozen=True, slots=True)
class Place:
    """Folder and Valkey of one measurement."""

    folder: Path
    redis_url: str


CAPTION = HotPath("caption", "a caption of 50 characters, spliced, standard Huffman tables", 32, 32, 96)
CAPTION_OWN_TABLES = HotPath("caption-own-tables", "as above, with custom Huffman tables", 32, 32, 96)
UPLOAD = HotPath("upload", "POST /api/images, 60 KB, 16 concurrent clients", 32, 32, 128)
UPLOAD_WITH_KEY = HotPath("upload-with-key", "as above, with an API key", 32, 32, 128)
# Multiples of the batch sizes of the services: 32 and 64.
CAPTIONER = HotPath("captioner", "receive, caption, forward", 32, 32, 96)
ARCHIVER = HotPath("archiver", "receive, store in files and SQLite, acknowledge", 64, 64, 256)
HOT_PATHS = (CAPTION, CAPTION_OWN_TABLES, UPLOAD, UPLOAD_WITH_KEY, CAPTIONER, ARCHIVER)
