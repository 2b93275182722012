"""What there is to run: workloads, peers, modes and trackings, as data.

A configuration is what runs a workload: a peer, its mode, tracking and number of markers. Everything about one workload
that the rest of the harness needs to know stands in its entry here; the C file knows the rest.
"""
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

MIB = 1 << 20

PEERS = {
    "malloc": "malloc and free of the C library",
    "jemalloc": "jemalloc's malloc and free",
    "mimalloc": "mimalloc's malloc and free",
    "bdwgc": "the Boehm-Demers-Weiser collector",
}
COLLECTORS = ("trefoil", "bdwgc")
MODES = ("mark-sweep", "generational", "refcount")
TRACKINGS = {
    "auto": "what the library chooses: pages where the machine has it, else none",
    "pages": "the kernel records written pages",
    "protect": "page protection and SIGSEGV",
    "barrier": "the program promises gc_write for its stores",
    "none": "every page counts as written",
}
PLAIN_TRACKINGS = ("pages", "none")  # those under which a program with plain C stores, and no promise, is right

NOT_TRACED = "marks nothing: marking is what is measured here"
NO_FALSE_POINTERS = "frees by hand: a value that looks like a pointer changes nothing"
PLAIN_STORES = "its stores are plain"
NEVER_FREES = "the program has no calls to free: malloc and its kin keep all that it ever asked for"


class Configuration(NamedTuple):
    peer: str
    mode: Optional[str]  # None for malloc
    markers: int  # 0 for malloc
    tracking: Optional[str] = None  # None: what the library chooses, or nothing to choose
    nursery_bytes: int = 0  # 0: what the library chooses
    heap_bytes: int = 0  # what the heap may take; 0: what the collector chooses
    growth_percent: int = 0  # of the live heap until a collection; 0: what the collector chooses

    def label(self, with_markers=True):
        name = f"trefoil {self.mode}" if self.peer == "trefoil" else self.peer
        if self.tracking:
            name += f", {self.tracking}"
        if self.nursery_bytes:
            name += f", nursery {readable(self.nursery_bytes)}"
        if self.markers and with_markers:
            name += f", {self.markers} marker" + ("s" if self.markers > 1 else "")
        return name


def is_tracked(mode):
    """Whether the mode has to know of writes to old objects: else it has neither tracking nor nursery."""
    return mode != "mark-sweep"


def from_saved(entry):
    """The configuration in an entry of a file of results."""
    return Configuration(*(entry[field] for field in Configuration._fields))


def readable(value):
    """A number with the largest binary suffix that keeps it whole, from 1M on; other values as they are."""
    if not isinstance(value, int):
        return str(value)
    for suffix, bits in (("G", 30), ("M", 20)):
        if value >= 1 << bits and value % (1 << bits) == 0:
            return f"{value >> bits}{suffix}"
    return str(value)


class Column(NamedTuple):
    """A figure of the workload's own that its table shows: its key, heading, what to divide by, and decimals."""
    figure: str
    heading: str
    divisor: float = 1
    decimals: int = 1


@dataclass(frozen=True)
class Workload:
    name: str
    summary: str
    full: dict  # parameters of the full suite
    quick: dict  # and of --quick
    seconds: float  # of one full run, roughly: the first guess of the time left
    warm_bytes: int  # of memory before the first run; later ones go by what was used
    rounds: int = 5
    quick_rounds: int = 2
    markers: tuple = (0,)  # counts that collectors run with; 0: one for each processor
    columns: tuple = ()
    left_out: dict = field(default_factory=dict)  # peer: why
    above_empty: bool = False  # its peak memory is also told less that of EMPTY
    sized: bool = False  # --size sets its parameter 'size'
    program: Optional[str] = None  # an example program instead of a workload on the shim: what its arguments are
    note: Optional[str] = None  # what a reader of its table must know
    heap_sizes_full: Optional[dict] = None  # parameters when it is run with heaps of several sizes; None: it is not
    heap_sizes_quick: Optional[dict] = None
    trackings_full: Optional[dict] = None  # parameters of the full runs under each tracking; None: those of the suite


def malloc_peers(reason):
    return {peer: reason for peer in PEERS if peer not in COLLECTORS}


WORKLOADS = {w.name: w for w in (
    Workload(
        "binary-trees", "short-lived trees of 16-byte nodes beside a long-lived one",
        full={"depth": 18}, quick={"depth": 15}, seconds=1.5, warm_bytes=100 * MIB, rounds=7,
        heap_sizes_full={"depth": 18}, heap_sizes_quick={"depth": 16},
        columns=(Column("allocation_ns", "ns/alloc"),)),
    Workload(
        "gcbench", "trees built from either end, a long-lived tree, an array (Ellis, Kovac, Boehm)",
        full={"repeats": 3}, quick={"repeats": 1}, seconds=0.8, warm_bytes=80 * MIB,
        columns=(Column("allocation_ns", "ns/alloc"),)),
    Workload(
        "live", "a live heap in 32-byte objects; 1 write to an old one in 512 allocations: the churn is timed",
        full={"size": 1024 * MIB}, quick={"size": 64 * MIB}, seconds=8, warm_bytes=2900 * MIB, rounds=3,
        markers=(1, 0), sized=True, heap_sizes_full={"size": 256 * MIB, "collections": 0},
        heap_sizes_quick={"size": 32 * MIB, "collections": 0},
        columns=(Column("allocation_ns", "ns/alloc"),)),
    Workload(
        "live-random", "the same objects linked at random: explicit collections with one marker",
        full={"size": 1024 * MIB}, quick={"size": 64 * MIB}, seconds=15, warm_bytes=2000 * MIB, rounds=3,
        markers=(1,), sized=True, left_out=malloc_peers(NOT_TRACED),
        columns=(Column("mark_ns_per_object", "ns/object"), Column("gather_ns_per_object", "loads alone"))),
    Workload(
        "two-threads", "objects of mixed sizes up to 8 KiB, by one thread and by two",
        full={"operations": 2000000, "repeats": 4}, quick={"operations": 500000, "repeats": 2}, seconds=2,
        warm_bytes=50 * MIB,
        columns=(Column("one_thread_per_s", "1 thr M/s", 1e6), Column("two_threads_per_s", "2 thr M/s", 1e6),
                 Column("scaling", "2/1", 1, 2))),
    Workload(
        "list16", "ten million 16-byte objects in one list",
        full={"count": 10000000}, quick={"count": 2000000}, seconds=0.5, warm_bytes=340 * MIB, above_empty=True,
        columns=(Column("above_empty_bytes", "MB net", 1e6), Column("bytes_per_object", "B/object"))),
    Workload(
        "false-roots", "random values that look like pointers into the heap, as a root beside a live heap",
        full={"size": 256 * MIB, "decoys": 1000000, "rounds": 100},
        quick={"size": 16 * MIB, "decoys": 62500, "rounds": 12},
        seconds=40, warm_bytes=1000 * MIB, rounds=1, quick_rounds=1, left_out=malloc_peers(NO_FALSE_POINTERS),
        trackings_full={"size": 64 * MIB, "decoys": 250000, "rounds": 30},
        columns=(Column("round_10_bytes", "MB at 10", 1e6), Column("last_round_bytes", "MB at end", 1e6),
                 Column("retained_bytes", "MB false", 1e6), Column("false_words", "false words", 1, 0),
                 Column("blacklisted_bytes", "MB unused", 1e6))),
    Workload(
        "concordance", "the example program: an index of every identifier in the files of a folder",
        full={"path": "/usr/include"}, quick={"path": "/usr/include/linux"}, seconds=1, warm_bytes=250 * MIB, rounds=7,
        program="-s {path}", note=NEVER_FREES),
    Workload(
        "scheme", "the example program: an interpreter that runs its own scripts, several times over",
        full={"passes": 5}, quick={"passes": 1}, quick_rounds=1, seconds=2.2, warm_bytes=250 * MIB, program="{scripts}",
        note=NEVER_FREES),
    Workload(
        "lru-cache", "a cache of strings that forgets what was used least recently",
        full={"capacity": 1450000, "operations": 20000000, "fill": 1},
        quick={"capacity": 20000, "operations": 200000, "fill": 1}, seconds=30, warm_bytes=1000 * MIB, rounds=1,
        heap_sizes_full={"capacity": 200000, "operations": 2000000},
        heap_sizes_quick={"capacity": 20000, "operations": 200000},
        trackings_full={"capacity": 200000, "operations": 2000000},
        columns=(Column("operation_ns", "ns/request"), Column("live_bytes", "MB live", 1e6),
                 Column("over_live", "memory/live", 1, 2))),
    Workload(
        "old-graph", "links of a graph of old objects change, new small objects are hung on old ones",
        full={"size": 128 * MIB, "operations": 10000000}, quick={"size": 16 * MIB, "operations": 1000000}, seconds=3,
        warm_bytes=400 * MIB, sized=True, columns=(Column("operation_ns", "ns/op"),)),
    Workload(
        "larson", "four threads at a time that hand their objects to the next four (Larson and Krishnan)",
        full={"rounds": 30}, quick={"rounds": 2}, seconds=2, warm_bytes=100 * MIB,
        columns=(Column("operations_per_s", "M ops/s", 1e6),)),
    Workload(
        "large-arrays", "arrays of 16 KiB to 4 MiB, of numbers and of pointers",
        full={"window": 128, "operations": 3000}, quick={"window": 32, "operations": 600}, seconds=1,
        warm_bytes=300 * MIB),
    Workload(
        "fragmentation", "sizes that drift from 32 bytes to 4 KiB and back, with survivors of each phase",
        full={"size": 32 * MIB, "turnover_percent": 100}, quick={"size": 4 * MIB, "turnover_percent": 100}, seconds=3,
        warm_bytes=300 * MIB, columns=(Column("memory_over_live", "memory/live", 1, 2),)),
    Workload(
        "drift-freed", "the same for 100 phases, with gc_free where the malloc programs free",
        full={"size": 16 * MIB, "phases": 100, "turnover_percent": 100},
        quick={"size": 2 * MIB, "phases": 30, "turnover_percent": 100}, seconds=10, warm_bytes=300 * MIB, rounds=3,
        columns=(Column("memory_over_live", "memory/live", 1, 2),)),
    Workload(
        "real-sizes", "sizes and lifetimes recorded of gcc, CPython, perl and SQLite (bench/sizes/programs.h)",
        full={"operations": 2000000}, quick={"operations": 200000}, seconds=1, warm_bytes=100 * MIB,
        columns=(Column("cc1_ns", "gcc ns", 1, 0), Column("python_ns", "python", 1, 0),
                 Column("perl_ns", "perl", 1, 0), Column("sqlite_ns", "sqlite", 1, 0))),
    Workload(
        "list-drop", "a list of ten million nodes goes, then short lists come and go",
        full={"count": 10000000}, quick={"count": 1000000, "turns": 2000}, seconds=1.5, warm_bytes=400 * MIB, rounds=3,
        columns=(Column("left_bytes", "MB left", 1e6),)),
    Workload(
        "rings", "doubly linked rings that are made, kept for a while and dropped: a minute of cycles",
        full={"rings": 2000000}, quick={"rings": 2000}, seconds=45, warm_bytes=100 * MIB, rounds=1,
        trackings_full={"rings": 100000},
        columns=(Column("allocation_ns", "ns/alloc"), Column("late_bytes", "MB late", 1e6),
                 Column("cycles_bytes", "MB traced", 1e6))),
)}

# Not part of the suite: a peer that starts and ends, which tells its version and what it takes to hold nothing.
EMPTY = Workload("empty", "", full={}, quick={}, seconds=0, warm_bytes=0)


def derive_figures(run, empty_peak_bytes):
    """Adds the figures that follow from others. A figure that the workload did not give stays absent."""
    figures, report = run["figures"], run["report"]
    if report["allocations"] and "allocation_ns" not in figures:
        figures["allocation_ns"] = report["wall_ns"] / report["allocations"]
    if empty_peak_bytes is not None:
        figures["above_empty_bytes"] = run["peak_bytes"] - empty_peak_bytes
        figures["bytes_per_object"] = figures["above_empty_bytes"] / report["allocations"]
    if "reachable_bytes" in figures:
        figures["retained_bytes"] = figures["reachable_bytes"] - figures["expected_bytes"]
