"""The fields of a received file, from its path."""

from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import PurePosixPath
from unicodedata import normalize

from captiond.image import ReceivedImage
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.description import describe, is_blank
from captiond.operations.path_fields import PathPattern, printable, read_path

MAX_PATH_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Reads the fields of paths. Their times are local times of `zone`.

    In the template of the description, `{description}` is the file name without its suffix.
    """

    pattern: PathPattern | None
    description: CaptionTemplate
    zone: tzinfo

    def fill(self, image: ReceivedImage, path: str) -> ReceivedImage:
        """Add the fields to an image. Longer texts are cut, because a camera cannot shorten them."""
        path = normalize("NFC", path)
        fields = read_path(self.pattern, path, self.zone)
        name = printable(PurePosixPath(path).stem)
        image = replace(
            image,
            description="-" if is_blank(name) else name,
            captured_at=fields.captured_at,
            camera=fields.camera,
            labels=fields.labels,
        )
        return describe(image, self.description, fallback=image.description)
