"""Small parameters of each workload, and the number of an object that is in use for long enough to be missed."""

WORKLOADS = {
    "binary-trees": (["depth=12"], 16388),  # in the long-lived tree, and no leaf
    "gcbench": (["repeats=1"], 600000),  # in the long-lived tree
    "live": (["size=1M", "churn_percent=100"], 20000),
    "live-random": (["size=1M"], 20000),
    "two-threads": (["operations=20000", "repeats=1"], 20000),  # in the turn of one thread
    "list16": (["count=20000"], 10000),
    "false-roots": (["size=64K", "decoys=1000", "rounds=10"], 1500),
    "lru-cache": (["capacity=20000", "operations=5000"], 301),  # a value
    "old-graph": (["size=1M", "operations=10000"], 10001),  # a label
    "larson": (["threads=2", "objects=1000", "rounds=2", "operations=1000"], 500),
    "large-arrays": (["window=8", "operations=50"], 2),  # an array of numbers
    "fragmentation": (["size=1M", "phases=3"], 500),  # a survivor
    "drift-freed": (["size=1M", "phases=3"], 500),
    "list-drop": (["count=20000", "turns=10"], 10000),
    "rings": (["rings=100", "kept=8"], 20000),
    "real-sizes": (["operations=20000"], 45015),  # in the ring of the longest lifetime, in the turn of perl
}
OVERWRITTEN = "(overwritten|lost nodes|nodes instead|are left)"
