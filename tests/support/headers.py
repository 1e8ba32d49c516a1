"""Headers that lie: impossible durations, frame rates and picture sizes patched into good files.

Every function takes the bytes of a film and a number that picks one of the impossible values; it returns as many bytes.
Formats are told apart by what is found in them: boxes of MP4, elements of Matroska, chunks of AVI, start codes of MPEG.
"""

import re
import struct

HUGE = 16383
"""Side in pixels of the pictures that `huge_picture` announces: the most that VP8 can say."""

_ABSURD = (0xFFFFFFFF, 0, 1, 0x7FFFFFFF)
_ABSURD_SECONDS = (1e300, float("nan"), -1.0, float("inf"))


def absurd_duration(data: bytes, n: int) -> bytes:
    """A film that says it lasts for ever, for no time or for less than that."""
    film = bytearray(data)
    for box, offset in ((b"mvhd", 16), (b"mdhd", 16), (b"tkhd", 20)):
        _put(film, box, 4 + offset, struct.pack(">I", _ABSURD[n % 4]))
    _put(film, rb"\x44\x89\x88", 3, struct.pack(">d", _ABSURD_SECONDS[n % 4]))
    _put(film, b"avih", 8 + 16, struct.pack("<I", _ABSURD[n % 4]))
    _put(film, b"strhvids", 8 + 32, struct.pack("<I", _ABSURD[n % 4]))
    packs = list(re.finditer(rb"\x00\x00\x01\xe0..[\x80-\x8f][\x80-\xff].", data, re.DOTALL))
    for pack in packs[len(packs) // 2 :] if n % 2 else packs[-1:]:
        film[pack.end() : pack.end() + 5] = b"\x3f\xff\xff\xff\xff"  # 26.5 hours, the latest that can be said
    return bytes(film)


def absurd_rate(data: bytes, n: int) -> bytes:
    """A film of no frames a second, or of billions."""
    film = bytearray(data)
    value = _ABSURD[n % 4]
    for box in (b"mvhd", b"mdhd"):
        _put(film, box, 4 + 12, struct.pack(">I", value))
    _put(film, b"stts", 4 + 12 - 4, struct.pack(">I", value))
    _put(film, rb"\x2a\xd7\xb1\x83", 4, (b"\xff\xff\xff", b"\x00\x00\x00", b"\x00\x00\x01", b"\x7f\xff\xff")[n % 4])
    _put(film, rb"\x23\xe3\x83\x84", 4, struct.pack(">I", value))
    _put(film, b"avih", 8, struct.pack("<I", value))
    _put(film, b"strhvids", 8 + (24 if n % 2 else 20), struct.pack("<I", value))
    for start in re.finditer(rb"\x00\x00\x01\xb3", data):
        film[start.end() + 3] = film[start.end() + 3] & 0xF0 | (0xF, 0x0, 0x8, 0xE)[n % 4]
    return bytes(film)


def huge_picture(data: bytes, n: int) -> bytes:
    """A film whose pictures are said to be 16k x 16k."""
    film = bytearray(data)
    both = struct.pack(">HH", HUGE, HUGE)
    _put(film, b"avc1", 4 + 24, both)
    _put(film, b"tkhd", 4 + 76, struct.pack(">II", HUGE << 16, HUGE << 16))
    for element in (rb"\xb0\x82", rb"\xba\x82", rb"\xb0\x81", rb"\xba\x81"):
        head = data[: data.find(b"\x1f\x43\xb6\x75") if b"\x1f\x43\xb6\x75" in data else 0]
        for found in re.finditer(element, head):
            film[found.end() : found.end() + (element[-1] & 3)] = both[: element[-1] & 3]
    _put(film, b"strf", 8 + 4, struct.pack("<ii", HUGE, HUGE))
    _put(film, rb"\xff\xc0\x00\x11\x08", 5, both)
    _put(film, rb"\x9d\x01\x2a", 3, struct.pack("<HH", HUGE, HUGE))
    for start in re.finditer(rb"\x00\x00\x01\xb3", data):
        film[start.end() : start.end() + 3] = b"\xff\xff\xff"
    for start in re.finditer(rb"\x00\x00\x01\xb5[\x10-\x1f]", data):
        film[start.end()] |= 0x01
        film[start.end() + 1] |= 0xE0
    return bytes(film)


def _put(film: bytearray, pattern: bytes, offset: int, value: bytes) -> None:
    """Overwrites what lies `offset` bytes after the start of everything that matches."""
    for found in re.finditer(pattern, bytes(film), re.DOTALL):
        at = found.start() + offset
        film[at : at + len(value)] = value[: max(0, len(film) - at)]
