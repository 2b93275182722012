"""The JSON file of a run: everything that was measured, run by run, so that any figure can be computed again."""
import json

FORMAT = "trefoil-bench"
FORMAT_VERSION = 1


def start(description, versions, options):
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "machine": description,
        "versions": versions,
        "quick": options.quick,
        "workloads": [],
    }


def add_workload(document, workload, parameters, runs):
    document["workloads"].append({
        "name": workload.name,
        "parameters": parameters,
        "left_out": workload.left_out,
        "configurations": [{**configuration._asdict(), "runs": list_of_runs}
                           for configuration, list_of_runs in runs.items()],
    })


def check_writable(path):
    """Raises OSError now rather than after an hour of measuring; leaves an existing file as it is."""
    with open(path, "a", encoding="utf-8"):
        pass


def write(path, document):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
        file.write("\n")
