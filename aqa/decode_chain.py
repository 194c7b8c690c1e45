"""Decode chained Ogg to its end: one recording, however often its rate, channels or codec change.

FFmpeg follows a chain only while nothing changes: at a link of other channels it gives up, at one of another codec
the rest is lost. So each link is opened by itself; its sound is brought to the rate and channels of the first link,
and goes on where the link before ended, since no link knows how long nothing was recorded between them.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from aqa.clock import Clock
from aqa.decode_av import AvDecoder
from aqa.model import InputError
from aqa.ogg import Link, Slice, links
from aqa.sound_model import Block, Claim, Media

MOST_LINKS = 10_000  # a file that claims more is no recording
NOT_ENDED = (
    "the last page is not marked as the last (no end of stream): the recorder was stopped hard or the file is cut; "
    "how much lacks is not known; fetch it again from the recorder"
)


class ChainDecoder:
    """Blocks of all links of an Ogg file; `.media` after `.blocks()` has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.links = links(path)[:MOST_LINKS]
        self._unread: dict[Link, str] = {}
        first = self._first()
        self.first = first
        self.sample_rate_hz, self.channels, self.lsb = first.sample_rate_hz, first.channels, first.lsb
        self.clock = Clock(self.sample_rate_hz, self.channels)
        self._stated_s, self._notes = 0.0, list[str]()

    def _first(self) -> AvDecoder:
        """The first link that can be decoded; InputError of the last one where none can."""
        error = InputError(f"{self.path}: no sound can be read: it holds no Ogg page; fetch it again")
        for link in self.links:
            try:
                return AvDecoder(self.path, self._source(link))
            except InputError as caught:
                error = caught
                self._unread[link] = str(caught)
        raise error

    def _source(self, link: Link) -> "partial[Slice]":
        return partial(Slice, self.path, link.start, link.end)

    def blocks(self) -> Iterator[Block]:
        """Sound in order, all at the rate and in the channels of the first link that can be decoded."""
        before = self.first
        for link in self.links:
            decoder = self._decoder(link)
            if decoder is None:
                continue
            base = self.clock.position
            for block in decoder.blocks():
                yield Block(base + block.start, block.samples)
            self.clock.append(decoder.clock)
            self._stated_s += decoder.container_duration_s or 0.0
            self._note(before, decoder)
            before = decoder
        if not self.links[-1].finished:
            self.clock.wrong(self.clock.position, self.clock.position, NOT_ENDED)

    def _decoder(self, link: Link) -> AvDecoder | None:
        """Of one link; None for one that can't be decoded, which is said."""
        try:
            if link not in self._unread:
                return AvDecoder(self.path, self._source(link), like=self.first)
        except InputError as caught:
            self._unread[link] = str(caught)
        # Its length is not known: nothing can be said but where.
        self.clock.wrong(self.clock.position, self.clock.position, f"a link of the chain: {self._unread[link]}")
        return None

    def _note(self, before: AvDecoder, now: AvDecoder) -> None:
        """Say where the format changes."""
        one, other = (f"{item.codec}, {item.own_rate_hz} Hz, {item.own_layout}" for item in (before, now))
        if one != other:
            at_s = (self.clock.position - now.clock.position) / self.sample_rate_hz
            self._notes.append(f"the format changes at {at_s:.3f} s from {one} to {other}")

    @property
    def media(self) -> Media:
        """What decoding said about the container."""
        several = len(self.links) > 1
        return Media(
            str(self.path),
            self.first.container,
            self.first.codec,
            self.sample_rate_hz,
            self.channels,
            self.clock.decoded,
            self._stated_s or None,
            self.first.start_ns,
            self.clock.missing,
            self.clock.damaged,
            claims=(Claim("the time stamps of the container", self._stated_s),) if self._stated_s else (),
            layout=self.first.media.layout,
            notes=((f"a chain of {len(self.links)} files in one",) if several else ()) + tuple(self._notes[:20]),
        )
