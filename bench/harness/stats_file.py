"""Reads the file that the library writes at exit for TREFOIL_STATS: counts, and the start and length of each pause."""
import json

FORMAT = 1
KINDS = {"minor": 0, "full": 1}  # as in bench/measure.c


class Unreadable(Exception):
    """The message says what is wrong with the file."""


def load(path):
    """The file's content. Raises Unreadable."""
    try:
        with open(path, encoding="utf-8") as file:
            stats = json.load(file)
    except (OSError, ValueError) as error:
        raise Unreadable(f"no statistics file: {error}") from error
    if not isinstance(stats, dict) or stats.get("format") != FORMAT:
        found = stats.get("format") if isinstance(stats, dict) else None
        raise Unreadable(f"statistics file of format {found} instead of {FORMAT}")
    return stats


def pauses(stats, from_ns=0):
    """[[kind, start_ns, length_ns], ...] of those that began at that time or later, counted from it."""
    return [[KINDS[pause["kind"]], pause["start_ns"] - from_ns, pause["length_ns"]]
            for pause in stats["pause_list"] if pause["start_ns"] >= from_ns]


def report(stats):
    """What a workload would have reported, of a program that knows nothing of benchmarks."""
    return {
        "workload": "program",
        "peer": "trefoil",
        "version": stats["version"],
        "start_ns": 0,  # the pauses are counted from where CLOCK_MONOTONIC is
        "mode": stats["mode"],
        "tracking": stats.get("tracking", "none"),
        "markers": stats["markers"],
        "allocations": stats["allocated_objects"],
        "minor_collections": stats["collections_minor"],
        "full_collections": stats["collections_full"],
        "heap_bytes": stats["heap_bytes"],
        "shadow_bytes": stats.get("shadow_bytes", 0),
        "figures": {},
        "pauses": pauses(stats),
    }
