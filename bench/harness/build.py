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


def build(directory, source=None):
    """Returns the folder of the programs. A directory that is configured is configured anew only for its options."""
    source = source or source_root()
    if os.path.exists(os.path.join(directory, "build.ninja")):
        run_tool(["meson", "configure", directory] + SETTINGS)
    else:
        run_tool(["meson", "setup", directory, source] + SETTINGS)
    run_tool(["ninja", "-C", directory])
    return os.path.join(directory, "bench")


def build_launcher(directory):
    """The launcher alone, for a program that needs nothing else of this tree."""
    os.makedirs(directory, exist_ok=True)
    target = os.path.join(directory, "launch")
    run_tool([os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-O2", "-o", target,
              os.path.join(source_root(), "bench", "launch.c")])
    return target


def compiler_version():
    done = subprocess.run([os.environ.get("CC", "cc"), "--version"], stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[0] if done.returncode == 0 and done.stdout else "unknown"


def source_state():
    """The commit that was built, None outside a repository, and whether files differ from it."""
    git = ["git", "-C", source_root()]
    try:
        done = subprocess.run(git + ["rev-parse", "HEAD"], capture_output=True, text=True)
    except OSError:
        return {"commit": None, "is_changed": False}
    if done.returncode != 0:
        return {"commit": None, "is_changed": False}
    changed = subprocess.run(git + ["status", "--porcelain"], capture_output=True, text=True).stdout.strip()
    return {"commit": done.stdout.strip(), "is_changed": bool(changed)}


def source_version():
    """The commit, shortened, with a + where files differ from it; None outside a repository."""
    state = source_state()
    return state["commit"] and state["commit"][:7] + ("+" if state["is_changed"] else "")
