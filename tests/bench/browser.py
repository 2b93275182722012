"""The report in a real browser: Chromium draws it, and every plot must be there, not empty, its labels apart.

Not found by unittest's discovery, because it needs a browser and some seconds: tests/bench/meson.build runs it as a
test of its own. Status 77, with the reason: skipped.
"""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

import results_made_up as made_up
from harness import gnuplot, report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SKIPPED = 77
SCALE = 0.5  # pixels of the picture for one of the page
WIDTH, HEIGHT = 1100, 3600

# Tells of each SVG where it is and which of its texts touch each other or leave it.
CHECKS = """
<script>
function touch(a, b) { return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom; }
const found = [...document.querySelectorAll("svg")].map(svg => {
  const box = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].filter(t => t.textContent.trim() != "");
  const boxes = texts.map(t => t.getBoundingClientRect());
  const faults = [];
  boxes.forEach((a, i) => {
    if (a.left < box.left - 1 || a.right > box.right + 1 || a.top < box.top - 1 || a.bottom > box.bottom + 1)
      faults.push("outside: " + texts[i].textContent);
    for (let j = i + 1; j < boxes.length; j++)
      if (touch(a, boxes[j])) faults.push(texts[i].textContent + " / " + texts[j].textContent);
  });
  return {name: svg.id, left: box.left, top: box.top, width: box.width, height: box.height, texts: texts.length,
          faults};
});
const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
const out = document.createElement("pre");
out.id = "checks"; out.hidden = true;
out.textContent = JSON.stringify({plots: found, ids_are_unique: new Set(ids).size == ids.length});
document.body.append(out);
</script>
"""


def find_browser():
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


def run_browser(folder, *arguments):
    """Standard output. A folder of its own as home, so that nothing of the user's is touched."""
    command = [find_browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
               f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{HEIGHT}",
               f"--force-device-scale-factor={SCALE}", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=120, env=dict(os.environ, HOME=folder))
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return done.stdout.decode(errors="replace")


# ---- The picture ----

def unfilter(kind, line, above, step):
    """One line of a PNG (ISO 15948, section 9)."""
    for i in range(len(line)):
        left = line[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = above[i]
        elif kind == 3:
            guess = (left + above[i]) // 2
        else:
            distances = (abs(above[i] - corner), abs(left - corner), abs(left + above[i] - 2 * corner))
            guess = (left, above[i], corner)[distances.index(min(distances))]
        line[i] = (line[i] + guess) & 255
    return line


def read_png(path):
    """(lines of bytes, bytes a pixel)"""
    with open(path, "rb") as file:
        data = file.read()
    place, packed = 8, b""
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place:place + 8])
        content = data[place + 8:place + 8 + length]
        place += 12 + length
        if kind == b"IHDR":
            width, _, depth, colours = struct.unpack(">IIBB", content[:10])
        if kind == b"IDAT":
            packed += content
    if depth != 8 or colours not in (2, 6):
        raise ValueError(f"a picture with {depth} bits and colours of kind {colours}")
    step = 3 if colours == 2 else 4
    raw, size = zlib.decompress(packed), width * step + 1
    lines, above = [], bytes(width * step)
    for start in range(0, len(raw), size):
        line = bytearray(raw[start + 1:start + size])
        above = unfilter(raw[start], line, above, step) if raw[start] else line
        lines.append(above)
    return lines, step


def colours_in(picture, plot):
    """{colour: pixels} of the part of the picture where the plot is."""
    lines, step = picture
    left, right = (int(value * SCALE) for value in (plot["left"], plot["left"] + plot["width"]))
    top, bottom = (int(value * SCALE) for value in (plot["top"], plot["top"] + plot["height"]))
    counts = {}
    for line in lines[top:bottom]:
        for x in range(left, right):
            colour = bytes(line[x * step:x * step + 3])
            counts[colour] = counts.get(colour, 0) + 1
    return counts


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.page = report.page(made_up.MACHINE, made_up.VERSIONS, made_up.outcome(), [made_up.measurement()])
        path = os.path.join(cls.folder.name, "report.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write(cls.page.replace("</body>", CHECKS + "</body>"))
        dom = run_browser(cls.folder.name, "--dump-dom", "file://" + path)
        cls.checks = json.loads(re.search(r'<pre id="checks"[^>]*>(.*?)</pre>', dom, re.S).group(1))
        picture = os.environ.get("BENCH_SCREENSHOT") or os.path.join(cls.folder.name, "report.png")
        run_browser(cls.folder.name, f"--screenshot={picture}", "file://" + path)
        cls.picture = read_png(picture)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_every_plot_is_there(self):
        names = [plot["name"] for plot in self.checks["plots"]]
        self.assertEqual(names, ["ratios-time", "ratios-memory", "heap-binary-trees",
                                 "pauses-binary-trees", "utilisation-binary-trees",
                                 "pauses-large-arrays", "utilisation-large-arrays"])
        self.assertTrue(self.checks["ids_are_unique"])

    def test_no_label_overlaps_another_or_leaves_its_plot(self):
        for plot in self.checks["plots"]:
            with self.subTest(plot["name"]):
                self.assertGreater(plot["texts"], 5)
                self.assertEqual(plot["faults"], [])

    def test_no_plot_is_empty_on_the_screen(self):
        self.assertGreater(len(self.picture[0]), HEIGHT * SCALE - 2)
        for plot in self.checks["plots"]:
            with self.subTest(plot["name"]):
                self.assertLess(plot["top"] + plot["height"], HEIGHT)
                counts = colours_in(self.picture, plot)
                drawn = sum(counts.values()) - max(counts.values())
                self.assertGreater(drawn, 0.01 * sum(counts.values()))
                self.assertGreater(len(counts), 10)  # lines of several colours, and their soft edges

    def test_nothing_is_loaded_from_elsewhere(self):
        self.assertNotRegex(self.page, r"""(src|href)=["'](?!#)""")


if __name__ == "__main__":
    if not find_browser():
        print(f"skipped: no browser (package chromium): {', '.join(BROWSERS)}")
        sys.exit(SKIPPED)
    if not gnuplot.is_here():
        print("skipped: no gnuplot (package gnuplot-nox)")
        sys.exit(SKIPPED)
    unittest.main()
