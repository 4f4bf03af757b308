"""What the samples of a soak say: whether each series stays flat, or within its bound. Values in, values out.

Two kinds of series. What a leak makes grow for ever is judged by its **growth**: the median of the settled time's second
half against that of its first, after a warm-up in which caches fill. What fills up to a limit and then begins anew is
judged by its **bound**, since on the way there it grows, and is meant to: SQLite never shortens a -wal file that is
reset, so its size is the most it ever held.

A short run notices only fast leaks. So the verdict says of each series which growth an hour would have shown.
"""
import statistics

WARM_UP = 0.2  # of the run
# What may grow from one half to the other: a part of the first median, and an amount.
GROWTHS = {"rss_kib": (0.10, 4096), "descriptors": (0.05, 4), "database_kib": (0.10, 1024),
           "gateway_kib": (0.10, 256), "journal_rows": (0.25, 500), "tombstones": (0.25, 200)}
# The shop's -wal file is cut beyond 16 MiB, at the latest a second or two later (docs/ARCHITECTURE.md). The gateway's own
# is moved by SQLite at 1,000 pages, 4 MiB, and what the transaction wrote that passed them.
BOUNDS = {"wal_kib": 24 * 1024, "gateway_wal_kib": 6 * 1024}


def judge(samples):
    """Rows of (series, before, after, allowed, what an hour's growth must be to show, whether it is well).

    Each sample has "seconds" since the start, and a value for each series.
    """
    start = samples[-1]["seconds"] * WARM_UP
    settled = [sample for sample in samples if sample["seconds"] >= start]
    first, second = settled[:len(settled) // 2], settled[len(settled) // 2:]
    if not first:
        raise ValueError("%d samples are too few" % len(samples))
    middle = lambda half, name: statistics.median(sample[name] for sample in half)
    begun, ended = (middle(half, "seconds") / 3600 for half in (first, second))
    rows = []
    for name, (part, amount) in GROWTHS.items():
        before, after = middle(first, name), middle(second, name)
        allowed = before * (1 + part) + amount
        # A leak has lifted the first half, too, and with it what is allowed.
        rate = (allowed - before) / (ended - begun - part * begun)
        rows.append((name, before, after, allowed, rate, after <= allowed))
    for name, bound in BOUNDS.items():
        before, after = (max(sample[name] for sample in half) for half in (first, second))
        rows.append((name, before, after, bound, max(0, bound - before) / (ended - begun), max(before, after) <= bound))
    return rows


def table(rows):
    """The same for people."""
    lines = ["%-16s %12s %12s %12s %14s  verdict" % ("", "first half", "second half", "allowed", "seen from/hour")]
    for name, before, after, allowed, rate, is_well in rows:
        said = ("flat" if is_well else "GROWS") if name in GROWTHS else ("bounded" if is_well else "EXCEEDS")
        lines.append("%-16s %12d %12d %12d %14d  %s" % (name, before, after, allowed, rate, said))
    return "\n".join(lines)
