#!/usr/bin/env python3
"""Checks rules of the tree that no compiler knows: layering.py SOURCE_ROOT

An include in gc/ is written from gc/ ("heap/block.h") and points to the same or a lower layer; gc/base uses only C11
headers, atomic_ops.h and vector intrinsics; include/trefoil uses nothing of gc/; every header has a guard; no file is
longer than 600 lines, no function than 80. Prints each violation as file:line: text, and ends with status 1 if there
was one.
"""
import os
import re
import sys

# From bottom to top; `mode` and `tools` are siblings. "." are the files directly in gc/.
LAYERS = {"base": 0, "os": 1, "heap": 2, "collect": 3, "mode": 4, "tools": 4, ".": 5, "libgc": 6, "malloc": 6}
C11_HEADERS = set("assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg "
                  "stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar "
                  "wctype".split())
BASE_ALSO = {"atomic_ops.h", "emmintrin.h", "arm_neon.h"}  # the one library, and the compilers' own vector intrinsics
FILE_LINES, FUNCTION_LINES = 600, 80
SOURCE_FOLDERS = ("gc", "include", "examples", "tests", "bench")

violations = []


def violation(path, line, text):
    violations.append(f"{path}:{line}: {text}")


def sources(root, folders, endings):
    for folder in folders:
        for where, _, names in sorted(os.walk(os.path.join(root, folder))):
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(where, name), root)


def includes(lines):
    for number, line in enumerate(lines, 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found[1] == '"', found[2]


def layer_of(path_in_gc):
    folder = os.path.dirname(path_in_gc)
    return (folder.split("/")[0] if folder else ".")


def check_gc_include(root, path, number, is_quoted, target):
    layer = layer_of(os.path.relpath(path, "gc"))
    if not is_quoted:
        if target.startswith("trefoil/"):
            if LAYERS[layer] < LAYERS["."]:
                violation(path, number, f"layer {layer} includes the public header <{target}>")
        elif layer == "base" and target not in BASE_ALSO and target.removesuffix(".h") not in C11_HEADERS:
            violation(path, number, f"layer base includes <{target}>, which is not C11")
        return
    if not os.path.exists(os.path.join(root, "gc", target)):
        violation(path, number, f'"{target}" is not written from gc/')
        return
    target_layer = layer_of(target)
    if target_layer not in LAYERS:
        violation(path, number, f'"{target}" is in a folder that is no layer')
    elif target_layer != layer and LAYERS[target_layer] >= LAYERS[layer]:
        violation(path, number, f'layer {layer} includes "{target}" of the layer {target_layer}')


def check_guard(path, lines):
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", "".join(lines), flags=re.S).split("\n")
    directives = [line.strip() for line in text if line.strip()]
    guard = re.match(r"#\s*ifndef\s+(\w+)$", directives[0]) if directives else None
    if not guard or not re.match(r"#\s*define\s+" + guard[1] + "$", directives[1]) or directives[-1] != "#endif":
        violation(path, 1, "has no include guard around all of it")


def check_lengths(path, lines):
    """A function begins with a line at column 0 that ends with its `{`, and ends with a `}` at column 0."""
    if len(lines) > FILE_LINES:
        violation(path, len(lines), f"has {len(lines)} lines, more than {FILE_LINES}")
    start = None
    for number, line in enumerate(lines, 1):
        if re.match(r"[A-Za-z_].*\)?.*\{\s*$", line) and not re.match(r"(extern|namespace|typedef)\b", line):
            if not re.match(r"(static |const )*(struct|enum|union) \w+ \{", line) and "=" not in line:
                start = start_of_signature(lines, number)
        elif line.startswith("}") and start:
            if number - start + 1 > FUNCTION_LINES:
                violation(path, start, f"function of {number - start + 1} lines, more than {FUNCTION_LINES}")
            start = None


def start_of_signature(lines, number):
    while number > 1 and lines[number - 2].strip() and not re.search(r"[;}/]\s*$", lines[number - 2]):
        number -= 1
    return number


def main(root):
    count = 0
    for path in sources(root, SOURCE_FOLDERS, (".c", ".h", ".cc")):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            lines = file.readlines()
        count += 1
        check_lengths(path, lines)
        if path.endswith(".h"):
            check_guard(path, lines)
        for number, is_quoted, target in includes(lines):
            if path.startswith("gc/"):
                check_gc_include(root, path, number, is_quoted, target)
            elif path.startswith("include/") and is_quoted and not os.path.exists(
                    os.path.join(root, os.path.dirname(path), target)):
                violation(path, number, f'a public header includes "{target}"')
    print("\n".join(violations) if violations else f"{count} files: layers, guards and lengths are right")
    return 1 if violations or count == 0 else 0


sys.exit(main(sys.argv[1]))
