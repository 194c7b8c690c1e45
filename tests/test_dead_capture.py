"""A microphone that is dead for 0.3 s, told by its packets, and what the recording must show for it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from captures import pcap
from reenactment.voices import RATE, speech
from reenactment.world import FRAME, STEP_S, Sender, frames_of, utc

from aqa.pipeline import Options, analyze
from aqa.store import Store

DEMO = Path(__file__).parent.parent / "data" / "demo"
LENGTH_S, WAIT_S = 40.0, 0.1  # the recorder writes a sound this much after its packet came
DEAD = (18.0, 18.3)


def run(tmp_path, *, left_db, dead=True, track="mix"):
    """Alice speaks all the time; in the recording the hole is `left_db` of what would be there, with 20 ms ramps."""
    random = np.random.default_rng(1)
    sound = np.concatenate([speech(10.0, "alice", random) for _ in range(4)]) + random.normal(0, 5e-4, 40 * RATE)
    packets = []
    for frame in range(round(LENGTH_S / STEP_S)):
        part, at = sound[frame * FRAME : (frame + 1) * FRAME], frame * STEP_S
        level = int(np.clip(-20 * np.log10(np.sqrt(np.mean(part**2))), 0, 126))
        silent = dead and DEAD[0] <= at < DEAD[1]
        packets.append((frame, frame * FRAME, at + STEP_S, bytes(60 + frame % 7), 127 if silent else level))
    low = 10 ** (left_db / 20)
    gain = np.interp(np.arange(len(sound)) / RATE, [17.98, 18.0, 18.3, 18.32], [1, low, low, 1])
    mix = np.concatenate([np.zeros(round((STEP_S + WAIT_S) * RATE)), sound * gain])
    folder = tmp_path / "recordings" / "e"
    folder.mkdir(parents=True)
    soundfile.write(folder / "room.flac", mix.clip(-1, 1), RATE, subtype="PCM_16")
    (folder / "room.pcap").write_bytes(pcap(frames_of([Sender("alice", 0x10, packets)])))
    (folder / "event.toml").write_text(
        f'[[recordings]]\npath = "room.flac"\ntrack = "{track}"\nstart = {utc(0)}\n'
        '[participants.alice]\nssrc = ["0x10"]\n[participants.bob]\n[codecs]\n111 = "opus/48000/2"\n'
    )
    outcome = analyze([tmp_path / "recordings"], Options(tmp_path / "data", tmp_path / "reports"))
    assert outcome.problems == []
    found = Store(tmp_path / "data").analysis("e").findings
    return [f for f in found if f.kind == "attenuation" and "found_by" in json.loads(f.evidence)], found


@pytest.mark.parametrize("track", ["mix", "alice"])
def test_packets_and_sound_together(tmp_path, track):
    (found,), _ = run(tmp_path, left_db=-24.0, track=track)
    assert (found.cause, found.cause_confidence, found.severity) == ("sender_capture", 0.85, "major")
    assert found.start_s == pytest.approx(18.0 + STEP_S + WAIT_S, abs=0.05)
    assert found.duration_s == pytest.approx(0.3, abs=0.02)
    facts = json.loads(found.evidence)["cause"]
    assert facts["who"] == "alice" and facts["quieter_db"] > 12


def test_sound_that_is_not_quieter_says_no(tmp_path):
    assert run(tmp_path, left_db=0.0)[0] == []


def test_without_dead_levels_there_is_none(tmp_path):
    assert run(tmp_path, left_db=-24.0, dead=False)[0] == []


def test_another_one_s_track_has_not_got_it(tmp_path):
    assert run(tmp_path, left_db=-24.0, track="bob")[0] == []


def test_an_unreadable_recording_costs_itself_only(tmp_path):
    folder = tmp_path / "demo"
    shutil.copytree(DEMO, folder)
    (folder / "mix.flac").write_bytes((DEMO / "mix.flac").read_bytes()[:20])
    outcome = analyze([folder], Options(tmp_path / "data", tmp_path / "reports"))
    assert [str(problem).split(":")[0].endswith("mix.flac") for problem in outcome.problems] == [True]
    assert {f.kind for f in Store(tmp_path / "data").analysis("demo").findings} >= {"unreadable", "loss"}
