"""Media that is there but can't be decoded.

What it finds
-------------
Packets that the decoder rejects, files that end before the length that they state, samples that are no numbers,
and segments of a playlist that are there twice or out of order; the evidence names which. Frames of FLAC whose
checksum (CRC-16) is wrong, though decoders play them without a word, exact to the frame. Ends that are none: Ogg
whose last page is not marked as such, even cut exactly between two pages; MPEG-TS, MP3 and ADTS that end inside a
packet or frame. How much lacks behind such an end nobody knows, so these findings have no length.

Why it matters
--------------
That sound is lost from the recording, though perhaps not from what listeners heard.

What fools it
-------------
A file that is still being written looks cut off. MP3, ADTS and MPEG-TS cut exactly between two frames do not.

Thresholds and their source
---------------------------
None for the finding: the decoder's own word, with its length. Severity: from 200 ms on major (Agora's audio
freeze), from 1 s on critical.

What to do
----------
Fetch the file again from the recorder and compare sizes; if it is the same there, look at the recorder's disk
and whether it was stopped hard.
"""

from collections.abc import Iterator

from aqa.detector import detector
from aqa.holes import Settings, findings_of
from aqa.model import Finding
from aqa.sound_model import Media


@detector(Settings)
def damaged_media(media: Media, settings: Settings) -> Iterator[Finding]:
    """One finding per hole."""
    return findings_of(media, media.damaged, settings)
