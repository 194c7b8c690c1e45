"""What each kind of recorder makes of packets that never came: in one place, each with its source.

`recorder` in event.toml names the profile. A recorder hides what was missing by sound of its own (conceals), writes
silence of the same length (fills), leaves the time out (elides) or a hole in its time stamps (holes). A fault of
another kind than that is a surprise, and counts against packets as its cause.
"""

from dataclasses import dataclass

CONCEALS, FILLS, ELIDES, HOLES = "conceals", "fills", "elides", "holes"
SHOWN = {
    CONCEALS: frozenset(("concealment", "attenuation", "repetition", "discontinuity", "dropout", "silence")),
    FILLS: frozenset(("dropout", "silence", "attenuation", "discontinuity")),
    ELIDES: frozenset(("elided_time", "discontinuity")),
    HOLES: frozenset(("missing_media", "elided_time")),
}
"""Kinds of finding that each way of dealing with missing packets can leave. NetEq stretches sound to wait and to
catch up, mutes it after some frames and then plays nothing (libwebrtc expand.cc): so concealing ends in dropout and
silence. Codecs smear the zeros that a recorder wrote: so filling is also seen as attenuation."""


@dataclass(frozen=True)
class Profile:
    """One recorder."""

    name: str
    does: tuple[str, ...]  # what it does with missing packets, the most usual first
    words: str  # what it makes of them
    source: str

    def fits(self, kind: str) -> bool:
        """Whether missing packets can leave a finding of this kind in its recordings."""
        return any(kind in SHOWN[one] for one in self.does)


PROFILES = {
    one.name: one
    for one in (
        Profile(
            "jibri",
            (CONCEALS,),
            "sound made up by a browser, then silence; never a shorter recording",
            "jitsi/jibri README: Chrome plays the room, ffmpeg captures the sound card; Chrome plays by NetEq",
        ),
        Profile(
            "egress",
            (CONCEALS, ELIDES),
            "sound made up by a browser (room composite), or time left out (track)",
            "livekit/egress README: room composite is recorded from Chrome; issue 142: tracks lack silent frames",
        ),
        Profile(
            "janus",
            (FILLS, HOLES),
            "silence of the same length by janus-pp-rec, or a hole in the .mjr itself",
            "meetecho/janus-gateway postprocessing/pp-opus.c: writes a silence packet for each one missing",
        ),
        Profile(
            "rtpengine",
            (FILLS,),
            "digital silence of the same length",
            "sipwise/rtpengine recording-daemon/mix.c: mix_silence_fill_idx_upto writes zeros up to the frame's time",
        ),
        Profile(
            "hls",
            (HOLES, ELIDES),
            "a segment that is missing, or a discontinuity in its time stamps",
            "RFC 8216 4.3.2.3 EXT-X-DISCONTINUITY; RFC 8216bis 4.4.4.7 EXT-X-GAP",
        ),
    )
}
"""By the name in event.toml, in small letters."""
