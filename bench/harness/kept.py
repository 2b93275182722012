"""The programs of a run, kept so that a later build can be compared with them: build directory/kept/ID.

ID is a digest of what is kept: the workloads and example programs on trefoil, and the library, in folders that lie to
each other as in the build, because the programs find the library by that way. Where the programs of a run are gone,
its library is built again from its commit, under the workloads as they are now.
"""
import glob
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile

from . import build

KEPT_COUNT = 10  # older ones are removed
PATTERNS = ("bench/*-trefoil", "bench/*-trefoil-barrier", "examples/concordance", "examples/scheme",
            "gc/libtrefoil.so*")
OLD_SOURCES = ["meson.build", "meson_options.txt", "gc", "include", "examples"]


class Gone(Exception):
    """The message says why a build cannot be had any more."""


def files_of(folder):
    return sorted(path for pattern in PATTERNS for path in glob.glob(os.path.join(folder, pattern))
                  if os.path.isfile(path))


def identity(folder):
    digest = hashlib.sha256()
    for path in files_of(folder):
        digest.update(os.path.relpath(path, folder).encode() + b"\0")
        with open(path, "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()[:16]


def remove_oldest(parent):
    folders = sorted(glob.glob(os.path.join(parent, "*")), key=os.path.getmtime, reverse=True)
    for folder in folders[KEPT_COUNT:]:
        shutil.rmtree(folder, ignore_errors=True)


def keep(directory):
    """Keeps the programs of a build directory. Result: what a file of results says of them."""
    name, parent = identity(directory), os.path.join(directory, "kept")
    target = os.path.join(parent, name)
    if not os.path.exists(target):
        os.makedirs(parent, exist_ok=True)
        partial = tempfile.mkdtemp(dir=parent)
        for path in files_of(directory):
            copy = os.path.join(partial, os.path.relpath(path, directory))
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(path, copy, follow_symlinks=False)
        os.rename(partial, target)
    os.utime(target)
    remove_oldest(parent)
    return {"id": name, "folder": os.path.abspath(target)}


def find(programs, directory):
    """The folder of programs that are still what they were, or None."""
    for folder in (programs.get("folder") or "", os.path.join(directory, "kept", programs["id"])):
        if os.path.isdir(folder) and identity(folder) == programs["id"]:
            return folder
    return None


def export(commit, target):
    """The library and the examples of a commit, beside today's bench folder."""
    root = build.source_root()
    archive = subprocess.run(["git", "-C", root, "archive", commit] + OLD_SOURCES, capture_output=True)
    if archive.returncode != 0:
        raise Gone(archive.stderr.decode(errors="replace").strip().splitlines()[-1])
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    with tempfile.TemporaryFile() as file:
        file.write(archive.stdout)
        file.seek(0)
        with tarfile.open(fileobj=file) as content:
            content.extractall(target)
    shutil.copytree(os.path.join(root, "bench"), os.path.join(target, "bench"))


def rebuild(source, directory):
    """Builds the library of a commit. Result: the folder of the build."""
    commit = source.get("commit")
    if not commit or source.get("is_changed"):
        state = "was built from files that were never committed" if commit else "names no commit"
        raise Gone(f"it {state}")
    folder = os.path.join(os.path.abspath(directory), "commits", commit[:12])
    export(commit, os.path.join(folder, "source"))
    build.build(os.path.join(folder, "build"), os.path.join(folder, "source"))
    return os.path.join(folder, "build")


def get(document, directory, path):
    """The folder of the build that a file of results was made with. Raises Gone."""
    folder = find(document["programs"], directory)
    if folder:
        return folder
    try:
        return rebuild(document["source"], directory)
    except Gone as error:
        raise Gone(f"{path}: its programs ({document['programs']['id']}) are not kept here any more, and cannot be "
                   f"built again: {error}") from error
