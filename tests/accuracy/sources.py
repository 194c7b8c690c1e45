"""Which file of the corpus belongs to which domain and split; what is made here instead of found.

One speaker, song or noise is in one split. 8 kHz speech is left out of `narrow` where the file is known to hold
defects. Full-band was measured: share of energy above 10 kHz of the file's own, in dB: freesound_33711 -19,
CA01_01 -22, pjsip input.48 -30, was_der_mensch -37; the 48 kHz files of lyra have -84 and are narrow.
"""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from itertools import takewhile
from pathlib import Path

import av
import numpy as np
import soundfile
from scipy.signal import resample_poly

from aqa.model import Floats

RATE = 48_000
SPLITS = ("train", "validation", "test")
DOMAINS = (
    "meeting", "gated", "music", "applause", "synthetic", "narrow", "fullband", "noise",
    "words", "dialogue", "prompts", "songs",
)  # fmt: skip

MEETING, LIBRI = "meeting/pyannote+pyannote-audio/{}.flac", "speech/resemble-ai+Resemblyzer/{}-*.flac"
CORPUS: dict[str, dict[str, tuple[str, ...]]] = {
    "meeting": {
        "train": tuple(MEETING.format(name) for name in ("trn01", "trn03", "trn05")),
        "validation": tuple(MEETING.format(name) for name in ("trn07", "dev00")),
        "test": tuple(MEETING.format(name) for name in ("trn09", "tst00")),
    },
    "music": {
        "train": (
            "music/google+visqol/guitar48_stereo.flac", "speech/librosa+librosa/sir_duke_*.ogg",
            "speech/librosa+librosa/snare-accelerate.ogg",
        ),
        "validation": (
            "music/google+visqol/harpsichord48_stereo.flac", "speech/meetecho+janus-gateway/remembrance.opus",
        ),
        "test": (
            "music/google+visqol/glock48_stereo.flac", "music/google+visqol/castanets48_stereo.flac",
            "loudness/csteinmetz1+pyloudnorm/piano.wav",
        ),
    },
    "narrow": {
        "train": (
            LIBRI.format("1688-142285"), LIBRI.format("2033-164914"), "speech/google+lyra/sample1_16kHz.wav",
            "speech/amsehili+auditok/1to6arabic_16000_mono_bc_noise.wav", "speech/asterisk+testsuite/talking.wav",
        ),
        "validation": (
            LIBRI.format("3080-5032"), "quality-scored/microsoft+PLC-Challenge/clean.wav",
            "speech/aiortc+aiortc/demo-instruct.wav", "speech/google+lyra/sample2_16kHz.wav",
        ),
        "test": (
            LIBRI.format("367-130732"), LIBRI.format("2609-156975"), "quality-scored/ludlows+PESQ/speech.wav",
            "speech/snakers4+silero-vad/test.wav", "speech/snakers4+silero-vad/aepyx_8k.wav",
        ),
    },
    "fullband": {
        "train": ("speech/pjsip+pjproject/input.48.wav", "speech/CA01_01.google+visqol.flac"),
        "validation": ("speech/amsehili+auditok/was_der_mensch_*_lead_trail_silence.wav",),
        "test": ("noise/Rikorose+DeepFilterNet/clean_freesound_33711.wav",),
    },
    "noise": {"train": (), "validation": (), "test": ("noise/Rikorose+DeepFilterNet/noise_freesound_573577.wav",)},
}  # fmt: skip
"""Files by domain and split, as patterns below the corpus' folder."""
STAMPS, FISH, ASTERISK = (
    "tuxpaint/stamps/**/*_desc_{}.ogg", "games/fillets-ng/sound/**/{}/*.ogg", "asterisk/sounds/{}/**/*.wav"
)  # fmt: skip
PACKAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "words": {
        "train": tuple(STAMPS.format(language) for language in ("fr", "ru", "bg", "es")),
        "validation": tuple(STAMPS.format(language) for language in ("be", "el", "da")),
        "test": tuple(STAMPS.format(language) for language in ("ca", "lt", "nl")),
    },
    "dialogue": {"train": (FISH.format("cs"),), "validation": (FISH.format("nl"),), "test": ()},
    "prompts": {
        "train": tuple(ASTERISK.format(who) for who in ("en_US_f_Allison", "es_MX_f_Allison", "it_IT_m_Carlo")),
        "validation": (ASTERISK.format("fr_CA_f_June"),),
        "test": (ASTERISK.format("ru_RU_f_IvrvoiceRU"),),
    },
    "songs": {
        "train": (
            "games/wesnoth/*/data/core/music/*.ogg",
            "games/supertux2/music/**/*.ogg",
            "games/etr/music/*.ogg",
        ),
        "validation": ("games/neverball/bgm/*.ogg", "games/frozen-bubble/snd/*zik*.ogg"),
        "test": ("asterisk/moh/*.wav", "games/fillets-ng/music/*.ogg"),
    },
}
"""Speech that Debian's packages carry, below /usr/share: names of things spoken into amateurs' microphones at 44.1
kHz (tuxpaint-stamps-default), acted dialogue at 22 kHz (fillets-ng-data-cs, -nl), announcements at 8 kHz
(asterisk-core-sounds-en-wav, -fr, -it, -es, -ru). A pattern is a speaker or a few. Files that hold flat tops are
left out; so is Romanian (ro), whose words were cut hard and joined: 28 steps in the wave in 13 minutes. And music:
of games (wesnoth-1.16-music, supertux-data, extremetuxracer-data, neverball-data, frozen-bubble-data,
fillets-ng-data), and on hold (asterisk-moh-opsound-wav, 8 kHz)."""
EXCERPT_S = 90.0  # of a song

VOICES = {
    "train": ("en-us", "de", "fr-fr", "pl", "ru", "en-gb-scotland+f2", "tr+m3"),
    "validation": ("en-gb", "es", "sv+f3"),
    "test": ("en-us-nyc+f4", "it", "nl+m5", "pt-br+f1"),
}
"""Voices of espeak-ng by split; "+" is a variant."""
TEXTS = {
    "train": (
        "Good evening everybody. Can you hear me now? I will share the plan for the next two weeks, step by step. "
        "First the budget, then the stage, and last of all the people who have to carry it.",
        "The lights go down at eight. Nobody enters after the second bell; those who are late wait outside.",
    ),
    "validation": (
        "We looked at the numbers again, and they don't add up. Someone counted the second room twice. "
        "Please check your own part before Thursday, and write to me when it is done.",
        "Bring a pencil, a bottle of water, and patience. The road is longer than the map says.",
    ),
    "test": (
        "Thank you for joining us tonight from so many places. Before we begin, a short word about questions: "
        "raise your hand, wait for the light, then speak. We have an hour and forty minutes.",
        "Six boats left the harbour at dawn. Five came back. The sixth had found better weather elsewhere.",
    ),
}


@dataclass(frozen=True)
class Utterance:
    """One source of clean sound: a file of the corpus, or a voice with a text and a speed."""

    name: str
    path: Path | None = None
    speed: int = 0  # words per minute, of a voice


def corpus_folder() -> Path | None:
    """The corpus, as tests/conftest.py finds it."""
    folder = Path(os.environ.get("AQA_CORPUS") or Path(__file__).resolve().parents[3] / "shared" / "corpus")
    return folder if folder.is_dir() else None


def packages_folder() -> Path:
    """Where packages put their sound."""
    return Path(os.environ.get("AQA_PACKAGES") or "/usr/share")


def utterances(split: str, domain: str) -> list[Utterance]:
    """The sources of a domain (gated: those of speech) in a split; empty where nothing of it is on this machine."""
    if domain == "gated":
        return [one for other in ("narrow", "fullband", "synthetic") for one in utterances(split, other)]
    if domain == "synthetic":
        return _voices(split) if shutil.which("espeak-ng") else []
    if domain in PACKAGES:
        return [one for speaker in speakers(split, domain) for one in speaker]
    folder = corpus_folder()
    if folder is None:
        return []
    patterns = CORPUS.get(domain, {}).get(split, ())
    return [Utterance(str(path.relative_to(folder)), path) for p in patterns for path in sorted(folder.glob(p))]


@cache
def speakers(split: str, domain: str) -> list[list[Utterance]]:
    """What packages carry of a domain in a split, by speaker; those that are not on this machine are left out."""
    folder = packages_folder()
    found = [
        [
            Utterance(str(path.relative_to(folder)), path)
            for path in sorted(folder.glob(p))
            if domain == "songs" or _unclipped(path)
        ]
        for p in PACKAGES[domain][split]
    ]
    return [speaker for speaker in found if speaker]


def _unclipped(path: Path) -> bool:
    """Whether a file can be read, holds sound, and has no flat top of three samples."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return False
    x = np.abs(samples[:, np.argmax(np.abs(samples).max(axis=0))]) if len(samples) > rate // 5 else np.zeros(1)
    top = x > 0.995 * x.max()
    return bool(x.max() > 0.02 and not (top[2:] & top[1:-1] & top[:-2]).any())


def seconds(source: Utterance) -> float:
    """How long a source is."""
    if source.path is not None and source.path.is_relative_to(packages_folder()):
        return float(soundfile.info(source.path).duration)  # there are thousands of them
    return len(load(source)) / RATE


def _voices(split: str) -> list[Utterance]:
    pairs = [(voice, i) for voice in VOICES[split] for i in range(len(TEXTS[split]))]
    return [Utterance(f"espeak:{voice}:{split}{i}", speed=130 + 15 * (stable(voice, i) % 5)) for voice, i in pairs]


def stable(*parts: object) -> int:
    """A number that is the same in every run and on every machine."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:4])


@lru_cache(maxsize=256)
def load(source: Utterance) -> Floats:
    """The source as mono at 48 kHz, shape (samples,); peak as in the file."""
    if source.path is None:
        samples, rate = _speak(source)
    else:
        samples, rate = _read(source.path)
    whole = samples if rate == RATE else resample_poly(samples.astype(np.float64), RATE, rate)
    return np.asarray(whole, np.float32)


def _speak(source: Utterance) -> tuple[Floats, int]:
    _, voice, text = source.name.split(":")
    split, index = text[:-1], int(text[-1])
    command = ["espeak-ng", "-v", voice, "-s", str(source.speed), "--stdout", TEXTS[split][index]]
    wave = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    samples, rate = soundfile.read(BytesIO(wave), dtype="float32")
    return samples, rate


def _read(path: Path) -> tuple[Floats, int]:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        mono = av.AudioResampler(format="fltp", layout="mono")
        most_s = EXCERPT_S if path.is_relative_to(packages_folder()) else float("inf")
        frames = takewhile(lambda frame: (frame.time or 0.0) < most_s, container.decode(stream))
        parts = [out.to_ndarray()[0] for frame in frames for out in mono.resample(frame)]
        return np.concatenate(parts), stream.rate
