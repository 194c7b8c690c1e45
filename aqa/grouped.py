"""The ten rules in their order: findings in, clusters out (see `joining.py` for each rule)."""

from collections.abc import Sequence

from aqa.joining import (
    CAUSELESS,
    JUST_BEFORE_S,
    NEAR_S,
    RECUR_S,
    ROOM_KINDS,
    SAME_S,
    Cluster,
    Pairs,
    Scene,
    joined,
    near,
    room_wide,
    same_root,
    two_views,
)
from aqa.model import Finding


def clusters(findings: Sequence[Finding], scene: Scene) -> list[Cluster]:
    """Findings of one class (heard, or of the recording only; none of them intended) as they belong together."""
    items = sorted(findings, key=lambda item: (item.start_s, item.finding_id))
    known = {item.finding_id: item for item in items}
    wide = list(room_wide(items, scene))
    pairs = [*same_root(items, known), *two_views(items), *wide, *_same_unknown(items, scene)]
    of_all = {at for pair in wide for at in pair}
    found = []
    for group in joined(len(items), pairs):
        mine = [items[at] for at in group]
        everybody = any(at in of_all for at in group) or any(item.kind in ROOM_KINDS for item in mine)
        found.append(_cluster(mine, everybody, scene))
    for rule in (_near_in_time, _recurring, _outages):
        found = _merged(found, rule(found), scene)
    return found


def _cluster(items: list[Finding], wide: bool, scene: Scene) -> Cluster:
    return Cluster(items, wide, frozenset(scene.room_of(item) for item in items))


def _merged(found: list[Cluster], pairs: Pairs, scene: Scene) -> list[Cluster]:
    out = []
    for group in joined(len(found), pairs):
        items = [item for at in group for item in found[at].items]
        items.sort(key=lambda item: (item.start_s, item.finding_id))
        out.append(_cluster(items, any(found[at].wide for at in group), scene))
    return out


def _same_unknown(items: Sequence[Finding], scene: Scene) -> Pairs:
    """Rule 8: what no cause is known of joins its own kind on its own track, within a minute."""
    singles = [_cluster([item], False, scene) for item in items]
    keys = [
        (item.kind, item.track or item.stream or item.recording, scene.room_of(item))
        if item.cause in CAUSELESS
        else None
        for item in items
    ]
    yield from near(keys, singles, SAME_S)


def _near_in_time(found: Sequence[Cluster]) -> Pairs:
    """Rule 6: same room, cause and reach, half a minute apart at most."""
    keys = [
        None
        if one.cause in CAUSELESS or (not one.wide and len(one.who) > 1)
        else (one.cause, "room" if one.wide else one.who, one.rooms)
        for one in found
    ]
    yield from near(keys, found, NEAR_S)


def _recurring(found: Sequence[Cluster]) -> Pairs:
    """Rule 7: one participant's clusters of one cause, three anywhere in the event or two within 15 minutes."""
    by_key: dict[object, list[int]] = {}
    for at, one in enumerate(found):
        if one.cause not in CAUSELESS and not one.wide and len(one.who) == 1:
            by_key.setdefault((one.cause, one.who), []).append(at)
    for key, mine in by_key.items():
        if len(mine) >= 3:
            yield from ((mine[0], at) for at in mine)
        else:
            yield from near([key if at in mine else None for at in range(len(found))], found, RECUR_S)


def _outages(found: Sequence[Cluster]) -> Pairs:
    """Rule 9: an outage or a restart ends what hit its whole room just before."""
    for at, one in enumerate(found):
        for item in one.items:
            if item.kind not in ("outage", "room_restart"):
                continue
            for other, before in enumerate(found):
                near_enough = before.start_s <= item.start_s <= before.end_s + JUST_BEFORE_S
                if before.wide and near_enough and item.room in (None, *before.rooms):
                    yield at, other
