"""All formats together: no file is claimed twice, and what is claimed is what it is."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from aqa.decode import is_media
from aqa.inventory import formats, short
from aqa.packets import READS

WHAT = {  # folder of the corpus -> formats its files may have
    "mjr": {"mjr"}, "rtpdump": {"rtpdump"}, "rtpproxy-recordings": {"rtpproxy", "pcap"},
    "room-recording": {"jitsi_multitrack"}, "rtp-pcap": {"pcap", "pcapng"}, "rtp-pcap-ndpi": {"pcap", "pcapng"},
}  # fmt: skip
PACKETS = {"csv_table", "jsonl_table", "parquet_table"}.union(*WHAT.values())
NOT_LOGS = {".nfo", ".output", ".checksums", ".md", ".txt"}


def claims(head: bytes) -> list[str]:
    return [short(module) for module in formats(READS) if module.sniff(head)]


def test_every_file_of_the_corpus_is_claimed_by_its_own_format_alone(corpus):
    seen = set()
    for path in sorted(corpus.rglob("*")):
        if not path.is_file():
            continue
        with path.open("rb") as file:
            head = file.read(4096)
        ours = [name for name in claims(head) if name in PACKETS]  # others read what is no packets
        assert set(claims(head[:512])) & PACKETS == set(ours), (
            path
        )  # what is sniffed when it is found, and when it is read
        wanted = WHAT.get(path.relative_to(corpus).parts[0])
        if wanted is None or path.suffix in NOT_LOGS:
            assert ours == [], path
            assert not (ours and is_media(head)), path
        elif head[:2] != b"\x1f\x8b":
            assert len(ours) <= 1 and set(ours) <= wanted, path
            seen.update(ours)
    assert seen == set().union(*WHAT.values())


@settings(deadline=None)
@given(st.binary(max_size=600))
@example(b"MEETECHO\0\5audio")
@example(b"#!rtpplay1.0 1.2.3.4/5\n")
@example(b'{"event":"start","sequenceNumber":"1","start":{"tag":"a"},"time":1,"ssrc":1,"sequence":1,"timestamp":1}\n')
def test_no_bytes_are_claimed_twice(head):
    assert len(claims(head)) <= 1
