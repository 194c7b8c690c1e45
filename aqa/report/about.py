"""What a reader should know of a recording beside its row in the table: its format's story, and learned MOS."""

import json

from aqa.mos import DOMAIN
from aqa.report import words
from aqa.sound_model import RecordingRow


def about(row: RecordingRow) -> list[str]:
    """Sentences about one recording; none where there is nothing to say."""
    notes = [f"{row.recording}: {note}." for note in json.loads(row.notes)]
    return [*notes, _learned(row)] if row.mos_windows else notes


def _learned(row: RecordingRow) -> str:
    """The learned scores, and what they are good for."""
    at = "" if row.plcmos_lowest_at_s is None else f" at {words.length(row.plcmos_lowest_at_s)}"
    return (
        f"{row.recording}: median of {words.count(row.mos_windows or 0, 'window')} of 9 s of speech: PLCMOS v2 "
        f"{words.number(row.plcmos, 2)} (lowest {words.number(row.plcmos_lowest, 2)}{at}), DNSMOS P.835 overall "
        f"{words.number(row.dnsmos_overall, 2)}, signal {words.number(row.dnsmos_signal, 2)}, background "
        f"{words.number(row.dnsmos_background, 2)} of 5. Learned models: {DOMAIN}."
    )
