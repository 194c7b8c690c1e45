"""What to do first: the first sentence of the remedy of the detector that holds the root of an incident."""

from aqa.detector import registry
from aqa.incidents import Incident

_FIRST = ("capacity", "outage", "room_restart", "late_start", "unexplained_complaints")


def do_first(one: Incident) -> str:
    """One imperative, from the table of remedies, never made up."""
    by_id = {item.finding_id: item for item in one.findings}
    root = by_id[one.incident_id]
    kind = next((kind for kind in _FIRST if kind in one.kinds), root.kind)
    return remedy(kind)


def remedy(kind: str) -> str:
    """The first sentence of what to do about a kind."""
    text = " ".join(registry()[kind].section("What to do").split()) if kind in registry() else ""
    return text.split(". ")[0].rstrip(".") + "." if text else "Listen to the clip."
