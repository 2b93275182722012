"""What the machine needs for a build with all peers: installed where that is allowed, else named.

Looks for what a build uses (a command, a header), not for package names, so that what was installed by other means
counts, too. The names are those of Debian and Ubuntu.
"""
import os
import shutil
import subprocess

COMMANDS = {"cc": "gcc", "meson": "meson", "ninja": "ninja-build", "pkg-config": "pkg-config"}
PLOT_COMMANDS = {"gnuplot": "gnuplot-nox"}
HEADERS = {"stdio.h": "libc6-dev", "atomic_ops.h": "libatomic-ops-dev"}
PEER_HEADERS = {
    "jemalloc": ("jemalloc/jemalloc.h", "libjemalloc-dev"),
    "mimalloc": ("mimalloc.h", "libmimalloc-dev"),
    "bdwgc": ("gc/gc.h", "libgc-dev"),
}


class Missing(Exception):
    """Packages that are needed and could not be installed; the message says which."""


def has_header(header):
    probe = subprocess.run(["cc", "-fsyntax-only", "-x", "c", "-include", header, os.devnull],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return probe.returncode == 0


def missing(peers, wants_plots=False, programs=None):
    """Packages, in a fixed order. Without a compiler every header counts as absent: apt knows better.

    programs: {command: package} of programs that are to be run; None: none.
    """
    commands = {**COMMANDS, **(PLOT_COMMANDS if wants_plots else {}), **(programs or {})}
    found = [package for command, package in commands.items() if not shutil.which(command)]
    has_compiler = bool(shutil.which("cc"))
    headers = list(HEADERS.items()) + [PEER_HEADERS[peer] for peer in peers if peer in PEER_HEADERS]
    found += [package for header, package in headers if not has_compiler or not has_header(header)]
    return list(dict.fromkeys(found))


def install(packages):
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for command in (["apt-get", "update", "-q"],
                    ["apt-get", "install", "-q", "-y", "--no-install-recommends"] + packages):
        subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def ensure(peers, say, wants_plots=False, programs=None):
    """Raises Missing."""
    packages = missing(peers, wants_plots, programs)
    if not packages:
        return
    command = "apt-get install " + " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        of_peers = {package for _, package in PEER_HEADERS.values()} & set(packages)
        hint = "\n(or leave peers out: see --peers)" if of_peers and not programs else ""
        hint += "\n(or leave programs out: see --only)" if set((programs or {}).values()) & set(packages) else ""
        hint += "\n(or do without the report: --report none)" if set(PLOT_COMMANDS.values()) & set(packages) else ""
        raise Missing(f"packages are missing; as root: {command}{hint}")
    say(f"installing: {' '.join(packages)}")
    try:
        install(packages)
    except subprocess.CalledProcessError as error:
        lines = error.stdout.decode(errors="replace").strip().splitlines()[-5:]
        raise Missing(f"could not install what is missing ({command}):\n" + "\n".join(lines)) from error
    still = missing(peers, wants_plots, programs)
    if still:
        raise Missing(f"still missing after the installation: {' '.join(still)}")
