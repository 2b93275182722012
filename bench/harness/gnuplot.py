"""One plot as SVG, by gnuplot, cleaned for its place in a page: unique identifiers, no prologue, nothing empty.

Colours of text, axes and grid stay the names that gnuplot writes (black, gray); the page's style sheet replaces them,
so that they follow the light or dark scheme of the reader.
"""
import re
import shutil
import subprocess
from html import escape


class Failed(Exception):
    """The message is what gnuplot said."""


def is_here():
    return shutil.which("gnuplot") is not None


def quoted(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def datablock(name, rows):
    """Points, one a line; None is a gap."""
    lines = [" ".join("NaN" if value is None else f"{value:.6g}" for value in row) for row in rows]
    return f"${name} << EOD\n" + "\n".join(lines) + "\nEOD\n"


def clean(svg, name, title):
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<title>.*?</title>\s*<desc>.*?</desc>", f"<title>{escape(title)}</title>", svg, flags=re.S)
    svg = re.sub(r"""\b(id|xlink:href)=(["'])(#?)(\w+)\2""", rf'\1="\g<3>{name}-\4"', svg)
    svg = re.sub(r"<filter.*?</filter>", "", svg, flags=re.S)
    svg = re.sub(r"<g [^>]*>\s*</g>\s*", "", svg)
    svg = svg.replace("<svg", f'<svg id="{name}" role="img"', 1)
    return re.sub(r"\n\s*\n+", "\n", svg)


def draw(name, title, width, height, script):
    """The SVG element. name: an identifier that is unique in the page. Raises Failed."""
    setup = (f'set terminal svg size {width},{height} dynamic noenhanced font "sans-serif,13" linewidth 1.5\n'
             "set encoding utf8\nset border 3\nset tics nomirror\nset grid\nset key noenhanced\n")
    done = subprocess.run(["gnuplot"], input=setup + script, capture_output=True, text=True)
    if done.returncode != 0 or "<svg" not in done.stdout:
        raise Failed(f"gnuplot: {name}: {done.stderr.strip() or 'nothing was drawn'}")
    return clean(done.stdout, name, title)
