"""The JSON file of a run: everything that was measured, run by run, so that any figure can be computed again."""
import json

from . import catalog, rows

FORMAT = "trefoil-bench"
FORMAT_VERSION = 2


class Refused(Exception):
    """A file that is no file of results, or one of another version; the message says which."""


def start(description, versions, options, source=None):
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": options.kind,
        "machine": description,
        "versions": versions,
        "source": source or {"commit": None, "is_changed": False},
        "programs": {"id": "", "folder": None},
        "quick": options.quick,
        "workloads": [],
        "trackings": {"left_out": {}, "workloads": []},
        "growth": None,
        "heap_sizes": [],
    }


def load(path):
    """Raises Refused, OSError."""
    with open(path, encoding="utf-8") as file:
        try:
            document = json.load(file)
        except ValueError as error:
            raise Refused(f"{path}: no JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise Refused(f"{path}: not a file of results of bench/run")
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        raise Refused(f"{path}: of format version {version}; this bench/run reads version {FORMAT_VERSION}")
    return document


def kind_of(document):
    """What was measured (see options.kind_of)."""
    return document.get("kind", "suite")


def workload_entry(workload, parameters, runs, left_out=None):
    return {
        "name": workload.name,
        "summary": workload.summary,
        "parameters": parameters,
        "left_out": left_out or {},
        "configurations": [{**configuration._asdict(), "runs": list_of_runs}
                           for configuration, list_of_runs in runs.items()],
    }


def from_entry(entry):
    """(parameters, rows)"""
    return entry["parameters"], rows.make_rows(runs_of(entry))


def runs_of(entry):
    return {catalog.from_saved(saved): saved["runs"] for saved in entry["configurations"]}


def check_writable(path):
    """Raises OSError now rather than after an hour of measuring; leaves an existing file as it is."""
    with open(path, "a", encoding="utf-8"):
        pass


def write(path, document):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
        file.write("\n")
