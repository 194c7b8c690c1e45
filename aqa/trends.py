"""Trend tables: what went wrong per week, day or month, against how much was listened to.

Counts compare only per exposure: rates are per speaker-hour. Limits are Laney's p' chart (D. B. Laney, "Improved
control charts for attributes", Quality Engineering 14, 2002) of the share of impaired speech seconds.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import polars as pl

from aqa.detector import registry
from aqa.event_model import EventRow
from aqa.store import Store
from aqa.tables import frame

Period = Literal["week", "day", "month"]
LEAST_PERIODS = (
    12  # fewer measured periods give no limits: a baseline of 12 is the least Laney's charts are used with
)
RUN_LENGTH = 8  # this many in a row on one side of the centre are a lasting change (Nelson's rule 2 with 8)
_SIGMA_OF_RANGE = 1.128  # d2 for n = 2: mean moving range over this estimates sigma


@dataclass(frozen=True)
class _Part:
    """What one event adds to its period."""

    event: EventRow
    kinds: dict[str, int]
    streams: pl.DataFrame


def trend_rows(store: Store, period: Period = "week") -> list[dict[str, Any]]:
    """One row per period with the columns of table `trends`, oldest first; None = not measured."""
    parts: dict[str, list[_Part]] = {}
    for event in store.events():
        parts.setdefault(period_of(event.start_utc, period), []).append(_part(store, event))
    rows = [_row(name, parts[name]) for name in sorted(parts)]
    _judge(rows, [sum(part.event.speech_seconds or 0 for part in parts[row["period"]]) for row in rows])
    return rows


def period_of(start_utc: str | None, period: Period) -> str:
    """The period of a UTC time: 2023-W21, 2023-05-24 or 2023-05; `undated` where there is none."""
    if start_utc is None:
        return "undated"
    moment = datetime.fromisoformat(start_utc)
    if period == "week":
        year, week, _ = moment.isocalendar()
        return f"{year}-W{week:02d}"
    return f"{moment:%Y-%m-%d}" if period == "day" else f"{moment:%Y-%m}"


def _part(store: Store, event: EventRow) -> _Part:
    findings = store.table("findings", event.event_id).filter(pl.col("cause") != "intended")
    kinds = dict(findings.group_by("kind").len().sort("kind").iter_rows())
    return _Part(event, kinds, store.table("streams", event.event_id))


def _row(name: str, parts: Sequence[_Part]) -> dict[str, Any]:
    events = [part.event for part in parts]
    streams = pl.concat([part.streams for part in parts]) if parts else frame("streams", [])
    hours = sum(event.speaker_hours for event in events)
    speech = _total(event.speech_seconds for event in events)
    received = streams.filter((pl.col("source") == "stats") & (pl.col("direction") == "received"))
    streams = streams.filter(pl.col("source") == "packets")
    expected = int(streams["expected"].sum())
    row: dict[str, Any] = {
        "period": name,
        "events": len(events),
        "audio_hours": round(sum(event.audio_hours for event in events), 4),
        "speaker_hours": round(hours, 4),
        "listener_hours": _total(event.listener_hours for event in events),
        "findings": sum(event.findings for event in events),
    }
    for kind, item in registry().items():
        looked = any(_looked_for(event, kind, item.source) for event in events)
        count = sum(part.kinds.get(kind, 0) for part in parts) if looked else None
        row[kind] = count
        row[f"{kind}_per_speaker_hour"] = round(count / hours, 3) if hours and count is not None else None
    row["impaired_seconds_pct"] = _share(_total(event.impaired_seconds for event in events), speech)
    severe = _total(event.severely_impaired_seconds for event in events)
    row["severely_impaired_seconds_pct"] = _share(severe, speech)
    row["packets_expected"] = expected if len(streams) else None
    row["loss_pct"] = _share(int(streams["lost"].sum()), expected)
    row["jitter_p95_ms"] = _quantile(streams["jitter_mean_ms"], 0.95)
    row["concealed_pct"] = _concealed(received, streams)
    row["mos_estimated_p50"] = _quantile(streams["mos_estimated"], 0.5)
    return row


def _looked_for(event: EventRow, kind: str, source: str) -> bool:
    if kind in json.loads(event.settings)["detectors"]["off"]:
        return False
    if source == "stats":
        return kind in json.loads(event.stats_kinds)
    return bool(event.streams) if source == "packets" else bool(event.recordings)


def _concealed(received: pl.DataFrame, streams: pl.DataFrame) -> float | None:
    """Made-up sound in per cent: by receivers' stats, weighted by packets, else by the buffer run on packet logs."""
    known = received.filter(pl.col("concealed_pct").is_not_null() & (pl.col("packets") > 0))
    if len(known):
        weighted = float((known["concealed_pct"] * known["packets"]).sum())
        return round(weighted / int(known["packets"].sum()), 4)
    played = streams.drop_nulls(["concealed_s", "played_s"])
    made_up = float(played["concealed_s"].sum())
    return _share(made_up, made_up + float(played["played_s"].sum()))


def _total(values: Any) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _share(part: float | None, whole: float | None) -> float | None:
    return round(100 * part / whole, 4) if part is not None and whole else None


def _quantile(values: pl.Series, share: float) -> float | None:
    known = values.drop_nulls()
    return round(float(np.quantile(known.to_numpy(), share)), 3) if len(known) else None


def _judge(rows: list[dict[str, Any]], seconds: Sequence[int]) -> None:
    """Centre, limits and signal of `impaired_seconds_pct`, by Laney's p' chart; None with too little measured."""
    for row in rows:
        row.update(centre=None, lower_limit=None, upper_limit=None, signal=None)
    judged = [(row, n) for row, n in zip(rows, seconds, strict=True) if row["impaired_seconds_pct"] is not None and n]
    judged = [(row, n) for row, n in judged if row["period"] != "undated"]
    if len(judged) < LEAST_PERIODS:
        return
    share = np.array([row["impaired_seconds_pct"] / 100 for row, _ in judged])
    n = np.array([count for _, count in judged], float)
    centre = float((share * n)[:LEAST_PERIODS].sum() / n[:LEAST_PERIODS].sum())
    sigma = np.sqrt(np.maximum(centre * (1 - centre), 1e-12) / n)
    scores = (share - centre) / sigma
    spread = float(np.mean(np.abs(np.diff(scores[:LEAST_PERIODS])))) / _SIGMA_OF_RANGE
    side = 0
    for i, (row, _) in enumerate(judged):
        limit = 3 * sigma[i] * spread
        side = max(side, 0) + 1 if share[i] > centre else min(side, 0) - 1 if share[i] < centre else 0
        outside = "above" if share[i] > centre + limit else "below" if share[i] < centre - limit else None
        lasting = f"{RUN_LENGTH} in a row {'above' if side > 0 else 'below'}" if abs(side) >= RUN_LENGTH else None
        row["centre"] = round(100 * centre, 4)
        row["lower_limit"] = round(100 * max(centre - limit, 0.0), 4)
        row["upper_limit"] = round(100 * min(centre + limit, 1.0), 4)
        row["signal"] = outside or lasting
