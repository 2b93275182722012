"""Made-up results with every mode and every peer, for tests of what is shown of results."""
from harness import catalog, growth, heap_sizes, rows

MS = 10**6
CONFIGURATIONS = tuple(catalog.Configuration("trefoil", mode, 2) for mode in catalog.MODES) + (
    catalog.Configuration("malloc", None, 0), catalog.Configuration("jemalloc", None, 0),
    catalog.Configuration("mimalloc", None, 0), catalog.Configuration("bdwgc", "mark-sweep", 2))
MACHINE = {"processor": "made up", "processors": 2, "memory_bytes": 1 << 34, "kernel": "Linux 6", "system": "none",
           "huge_pages": "madvise", "load_average": 0.1, "busy_share": 0.0, "environment": {}, "date": "2026-01-01"}
VERSIONS = {"trefoil": "0.1.0"}


def a_run(wall_ms, peak_mb=100, pauses_ms=(), failure=None, minor_ms=(), tracking="none"):
    """Pauses, full ones and then minor ones, follow each other with 10 ms between them."""
    pauses, at_ns = [], 5 * MS
    for kind, length_ms in [(rows.FULL, ms) for ms in pauses_ms] + [(rows.MINOR, ms) for ms in minor_ms]:
        pauses.append([kind, at_ns, int(length_ms * MS)])
        at_ns += int(length_ms * MS) + 10 * MS
    report = {"wall_ns": wall_ms * MS, "cpu_ns": wall_ms * MS * 1.2, "allocations": 10,
              "minor_collections": len(minor_ms), "full_collections": len(pauses_ms), "pauses": pauses,
              "mode": "mark-sweep", "tracking": tracking, "version": "0.1.0"}
    return {"failure": failure, "wall_ns": wall_ms * MS, "user_ns": wall_ms * MS, "system_ns": 0, "output": "",
            "peak_bytes": peak_mb * MS, "mean_bytes": peak_mb * MS // 2, "figures": {},
            "report": None if failure else report}


def runs_of(factor):
    """{configuration: runs} of one workload; the configurations differ by a fixed share."""
    found = {}
    for number, configuration in enumerate(CONFIGURATIONS):
        pauses = [factor * (number + 1) * (1 + i % 7) / 4 for i in range(60)] if configuration.markers else []
        found[configuration] = [a_run(int(900 * factor * (1 + number / 9)), 50 + 20 * number, pauses) for _ in range(3)]
    return found


def outcome():
    return {name: ({"size": 1 << 20}, rows.make_rows(runs_of(factor)))
            for factor, name in enumerate(("binary-trees", "large-arrays"), 1)}


def cost_runs(peak_mb=120, failures=()):
    """One workload under each tracking but protect: 1 s in mark-sweep mode and 100 MB. failures: trackings."""
    sweep = catalog.Configuration("trefoil", "mark-sweep", 2)
    found = {sweep: [a_run(1000, 100), a_run(1000, 100)]}
    for tracking, wall_ms in (("pages", 500), ("barrier", 400), ("none", 2000)):
        failure = "killed" if tracking in failures else None
        found[sweep._replace(mode="generational", tracking=tracking)] = [
            a_run(wall_ms, peak_mb, tracking=tracking, failure=failure) for _ in range(2)]
    return found


def grown(sizes=growth.SIZES, more_ms=(0.1, 0.4, 1.6)):
    """Minor pauses of 1 ms, and that much more at each size under pages when writes are scattered."""
    made = growth.Growth()
    for tracking in growth.TRACKINGS:
        for place in growth.PLACES:
            for size, ms in zip(sizes, more_ms):
                grows = tracking == "pages" and place == "scattered"
                made.runs[tracking, place, size] = [a_run(1000, minor_ms=[1 + ms * grows] * 3)]
    return made


def measurement():
    """Time against heap size; the second collector does not fit at first."""
    made = heap_sizes.Measurement(catalog.WORKLOADS["binary-trees"], {"depth": 18})
    made.live_bytes = 10 * MS
    for factor in heap_sizes.FACTORS:
        for configuration in (CONFIGURATIONS[0], CONFIGURATIONS[-1]):
            fails = "out of memory" if configuration.peer == "bdwgc" and factor < 2 else None
            made.runs[factor, configuration._replace(heap_bytes=int(factor * 10 * MS))] = [
                a_run(int(2000 / factor), failure=fails)]
    return made
