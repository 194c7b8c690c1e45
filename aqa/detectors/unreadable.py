"""A recording that could not be read, or not to its end.

What it finds
-------------
Files that no decoder opens (empty, not sound, an unknown codec), and files whose decoder gave up for good.

Why it matters
--------------
Nothing can be said about what such a file should hold, and a batch that skips it in silence looks clean.

What fools it
-------------
A file that is still being written looks cut off.

Thresholds and their source
---------------------------
None: the decoder's own word is passed on as text.

What to do
----------
Fetch the file again from the recorder and compare sizes; if it is the same there, repair or replace it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from aqa.detector import detector
from aqa.model import Finding, evidence
from aqa.sound_model import Media


@dataclass(frozen=True)
class Settings:
    """No settings."""


@detector(Settings)
def unreadable(media: Media, settings: Settings) -> Iterator[Finding]:
    """One finding when the recording could not be read at all."""
    if media.error is not None and media.samples == 0:
        yield Finding(
            start_s=0.0,
            end_s=0.0,
            scope="recorder",
            severity="critical",
            evidence=evidence(error=media.error),
        )
