"""Whether a program is linked with the library: asked before it is run, and when it has written no statistics."""
import mmap
import os
import shutil
import subprocess

ELF_MAGIC = b"\x7fELF"
TRACE_OF_STATIC_LIBRARY = b"TREFOIL_STATS"


class NotMeasurable(Exception):
    """The message says why this program cannot be measured."""


def find_program(name):
    """Its path. Raises NotMeasurable."""
    path = shutil.which(name)
    if path:
        return os.path.abspath(path)
    if os.path.isdir(name):
        raise NotMeasurable(f"{name} is a folder")
    if os.path.exists(name):
        raise NotMeasurable(f"{name} is not executable")
    raise NotMeasurable(f"there is no program {name}")


def contains(path, text):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text) >= 0


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(len(ELF_MAGIC)) == ELF_MAGIC


def libraries(path):
    """What the loader says that the program needs, directly or not; nothing for a static program."""
    done = subprocess.run(["ldd", path], capture_output=True, text=True, errors="replace")
    return done.stdout if done.returncode == 0 else ""


def is_linked(path):
    """True, False, or None for a script, which may run anything."""
    try:
        if not is_elf(path):
            return None
        return "libtrefoil.so" in libraries(path) or contains(path, TRACE_OF_STATIC_LIBRARY)
    except OSError:
        return None


def check(name):
    """The path of a program that may be measured. Raises NotMeasurable."""
    path = find_program(name)
    if is_linked(path) is False:
        raise NotMeasurable(f"{name} is not linked with trefoil (neither its shared nor its static library)")
    return path
