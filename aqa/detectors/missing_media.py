"""Media that a recording's own presentation times say is not there.

What it finds
-------------
Jumps of the presentation time beyond the sound decoded so far, single packets of 10 ms included where the file's
times are exact, and segments that a playlist names but that are not in the folder. Over a discontinuity of a
playlist, what its dates (EXT-X-PROGRAM-DATE-TIME) say was left out.

Why it matters
--------------
The recorder wrote nothing for that time. Players jump over it or play silence; and all that comes later is out
of step with the packets if it is not counted.

What fools it
-------------
Recorders that leave out silence on purpose (DTX written without filling) look the same. Clocks that drift do
not: only a jump counts. Pages of Ogg that are damaged are skipped by the reader and look missing; a hole inside a
page is placed somewhere in that page. Bare ADTS and MP3 have no times: nothing is found in them.

Thresholds and their source
---------------------------
Three times what the file's own times jittered by of late, at least 9 ms (the shortest packet of rooms is 10 ms) and
at most 60 ms, on a cumulative clock: checks of single frames gave 6,776 false holes in ten minutes of Vorbis; and
three frames later the jump must still be there. Severity: from 200 ms on major (Agora's audio freeze), from 1 s on
critical.

What to do
----------
Look at the recorder's log and load at that time, and for packet loss on its way in.
"""

from collections.abc import Iterator

from aqa.detector import detector
from aqa.holes import Settings, findings_of
from aqa.model import Finding
from aqa.sound_model import Media


@detector(Settings)
def missing_media(media: Media, settings: Settings) -> Iterator[Finding]:
    """One finding per hole."""
    return findings_of(media, media.missing, settings)
