"""The fields of a received file, from its path."""

from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import PurePosixPath
from unicodedata import normalize

from captiond.image import ReceivedImage
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.path_fields import PathFields, PathPattern, printable, read_path

MAX_PATH_CHARACTERS = 255
MAX_DESCRIPTION_CHARACTERS = 200  # as in the API


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
        fields = (self.pattern and read_path(self.pattern, path, self.zone)) or PathFields()
        name = printable(PurePosixPath(path).stem) or "-"
        image = replace(
            image, description=name, captured_at=fields.captured_at, camera=fields.camera, labels=fields.labels
        )
        text = normalize("NFC", self.description.fill(image)).replace("\0", " ")[:MAX_DESCRIPTION_CHARACTERS]
        return replace(image, description=text if text.strip() else name[:MAX_DESCRIPTION_CHARACTERS])
