"""The lags at which a hop repeats best: those that are looked at more closely."""

from aqa.compiled import inlined

CANDIDATES = 4  # lags of a hop


@inlined
def peaks(acc, prefix, start, end, far, count, lags):  # type: ignore[no-untyped-def]
    """The lags of the best peaks of repetition, best first, into `lags`; 0 where there are no more."""
    shares = (0.0, 0.0, 0.0, 0.0)
    lags[:] = 0
    before, here, falls = 0.0, 0.0, False
    for m in range(count + 1):
        after = 0.0
        if m < count and acc[m] > 0.0:
            shift = m - far
            after = float(acc[m]) * float(acc[m]) / (prefix[end + shift] - prefix[start + shift] + 1e-12)
        falls = here > before and here >= after
        if falls:
            shares = _enter(shares, here, far - m + 1, lags)
        before, here = here, after


@inlined
def _enter(shares, share, lag, lags):  # type: ignore[no-untyped-def]
    """`lag` among the best four, if it is one."""
    a, b, c, d = shares
    if share <= d:
        return shares
    lags[3] = lag
    if share <= c:
        return a, b, c, share
    lags[3], lags[2] = lags[2], lag
    if share <= b:
        return a, b, share, c
    lags[2], lags[1] = lags[1], lag
    if share <= a:
        return a, share, b, c
    lags[1], lags[0] = lags[0], lag
    return share, a, b, c
