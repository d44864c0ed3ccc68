"""Pictures of the operator: PNG or JPEG that a decoder has read whole. No SVG: it may hold scripts.

WebP is not taken either: a good part of mail programs does not show it.
"""

import hashlib
import json
import struct

import typst
from django.core.exceptions import ValidationError

from billing.foundation.site.models import SiteLogo

MOST_BYTES = 200_000
MOST_WIDTH, MOST_HEIGHT, LEAST = 2_000, 1_000, 16
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
# Decoded by Typst, which documents are set with; drawn, so that every pixel is read.
DRAWN = b"#set page(width: 40pt, height: 40pt, margin: 0pt)\n" + (
    b"#image(bytes(json(bytes(sys.inputs.picture))), format: sys.inputs.format, width: 40pt, height: 40pt)"
)


def logo_save(data: bytes) -> SiteLogo:
    """The row of this picture; the same bytes are the same row. Raises ValidationError for what is none."""
    ending, width, height = checked(data)
    name = f"{hashlib.sha256(data).hexdigest()}.{ending}"
    row, _ = SiteLogo.objects.get_or_create(name=name, defaults={"data": data, "width": width, "height": height})
    return row


def checked(data: bytes) -> tuple[str, int, int]:
    """Ending, width and height in pixels."""
    if len(data) > MOST_BYTES:
        raise ValidationError(
            f"The picture has {len(data):,} bytes; at most {MOST_BYTES:,} are taken. Make it smaller."
        )
    if data.startswith(PNG):
        ending, size = "png", _png_size(data)
    elif data.startswith(JPEG):
        ending, size = "jpg", _jpeg_size(data)
    else:
        raise ValidationError("This is no PNG or JPEG picture. Save the logo as PNG; SVG and WebP are not taken.")
    if size is None:
        raise ValidationError("The picture is damaged: save it again as PNG.")
    width, height = size
    # Before anything is decoded: a small file can unfold into gigabytes.
    if not (LEAST <= width <= MOST_WIDTH and LEAST <= height <= MOST_HEIGHT):
        raise ValidationError(
            f"The picture has {width:,} × {height:,} pixels; "
            f"from {LEAST} × {LEAST} to {MOST_WIDTH:,} × {MOST_HEIGHT:,} are taken."
        )
    try:
        typst.compile(
            DRAWN,
            format="png",
            ppi=72,
            ignore_system_fonts=True,
            sys_inputs={"picture": json.dumps(list(data)), "format": "png" if ending == "png" else "jpg"},
        )
    except typst.TypstError as error:
        raise ValidationError("The picture cannot be read: save it again as PNG.") from error
    return ending, width, height


def _png_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] != b"IHDR" or len(data) < 24:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """From the frame header, which is one of the segments behind one another."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        if length < 2:
            return None
        at += 2 + length
    return None
