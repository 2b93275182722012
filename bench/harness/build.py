"""Configures and builds the benchmark programs with meson, in a directory of their own."""
import os
import subprocess

SETTINGS = ["-Dbuildtype=release", "-Db_lto=false", "-Dtests=false", "-Dexamples=true", "-Dbench=true"]


class Failed(Exception):
    """The message is the end of what the failing command printed."""


def source_root():
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def run_tool(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}:\n" + "\n".join(done.stdout.strip().splitlines()[-30:]))
    return done.stdout


def build(directory):
    """Returns the folder of the programs. A directory that is configured is configured anew only for its options."""
    if os.path.exists(os.path.join(directory, "build.ninja")):
        run_tool(["meson", "configure", directory] + SETTINGS)
    else:
        run_tool(["meson", "setup", directory, source_root()] + SETTINGS)
    run_tool(["ninja", "-C", directory])
    return os.path.join(directory, "bench")


def compiler_version():
    done = subprocess.run([os.environ.get("CC", "cc"), "--version"], stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[0] if done.returncode == 0 and done.stdout else "unknown"


def source_version():
    """The commit, with a + where files differ from it; None outside a repository."""
    git = ["git", "-C", source_root()]
    done = subprocess.run(git + ["rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    if done.returncode != 0:
        return None
    changed = subprocess.run(git + ["status", "--porcelain"], capture_output=True, text=True).stdout.strip()
    return done.stdout.strip() + ("+" if changed else "")
