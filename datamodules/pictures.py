"""Grey pixels of image files, whatever their kind."""

from pathlib import Path

import numpy
import PIL.Image

from datamodules.errors import DataError


def read_grey(file: Path) -> numpy.ndarray:
    """Reads an image as (height, width) uint8.

    Colours and palettes become grey levels. 16 bits are scaled to 8, because PIL alone would clip them: all but the
    darkest 256 levels would become white.

    Raises:
        DataError: If the file is not an image; names it.
    """
    try:
        with PIL.Image.open(file) as picture:
            if picture.mode.startswith("I"):  # 16 bits, which some versions of PIL read as 32
                deep = numpy.asarray(picture).astype(numpy.int64)
                return ((deep.clip(0, 65535) * 255 + 32767) // 65535).astype(numpy.uint8)
            return numpy.asarray(picture.convert("L"))
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise DataError(f"{file}: not an image ({error})") from error
