"""SVG text from Python values: every attribute and text escaped; no style attribute, the page's policy forbids it."""

from collections.abc import Iterable

import numpy as np
from markupsafe import Markup, escape

from aqa.model import Floats


def el(name: str, *children: Markup | str, **attributes: object) -> Markup:
    """An element; `class_` is class, other underscores in names become hyphens, numbers lose needless digits."""
    parts = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    ]
    inner = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{''.join(parts)}>{inner}</{name}>")


def percent(share: float) -> str:
    """A share as an SVG length in %."""
    return f"{100 * share:.8g}%"


def joined(parts: Iterable[Markup]) -> Markup:
    """Elements one after the other."""
    return Markup("").join(parts)


def envelope(peaks_dbfs: Floats, *, columns: int, height: float, floor_dbfs: float = -60.0) -> str:
    """Path data of a waveform's envelope, mirrored at the middle, in a box of `columns` x `height`.

    Peaks are joined by their maximum per column; NaN (no media) breaks the shape.
    """
    edges = np.linspace(0, len(peaks_dbfs), columns + 1).astype(int)
    path: list[str] = []
    run: list[tuple[int, float]] = []
    for column in [*range(columns), columns]:
        part = peaks_dbfs[edges[column] : max(edges[column + 1], edges[column] + 1)] if column < columns else None
        if part is None or not len(part) or np.isnan(part).all():
            path.append(_shape(run, height))
            run = []
            continue
        share = np.clip((np.nanmax(part) - floor_dbfs) / -floor_dbfs, 0.02, 1.0)
        run.append((column, float(share) * height / 2))
    return "".join(path)


def _shape(run: list[tuple[int, float]], height: float) -> str:
    if not run:
        return ""
    middle, last = height / 2, run[-1][0] + 1
    top = "".join(f"L{x} {middle - half:.1f}" for x, half in run)
    bottom = "".join(f"L{x} {middle + half:.1f}" for x, half in reversed(run))
    return f"M{run[0][0]} {middle:g}{top}L{last} {middle:g}{bottom}Z"


def _plain(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
