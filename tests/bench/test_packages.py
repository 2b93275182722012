"""Tests of what is said when something that a build needs is not there. Nothing is installed."""
import contextlib
import io
import os
import tempfile
import unittest
from unittest import mock

from harness import main, packages

ABSENT = {"no/such/header.h": "libnosuch-dev"}


class Packages(unittest.TestCase):
    def test_present_headers_and_commands_are_not_missing(self):
        self.assertTrue(packages.has_header("stdio.h"))
        self.assertFalse(packages.has_header("no/such/header.h"))

    def test_only_the_peers_that_were_asked_for_count(self):
        with mock.patch.object(packages, "PEER_HEADERS", {"bdwgc": ("no/such/header.h", "libnosuch-dev")}):
            self.assertIn("libnosuch-dev", packages.missing(["malloc", "bdwgc"]))
            self.assertNotIn("libnosuch-dev", packages.missing(["malloc"]))

    def test_an_empty_machine_needs_everything(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, PATH=folder):
            needed = "gcc meson ninja-build pkg-config libc6-dev libatomic-ops-dev libgc-dev"
            self.assertEqual(packages.missing(["bdwgc"]), needed.split())

    def test_who_may_not_install_is_told_what_to_install(self):
        errors = io.StringIO()
        with mock.patch.object(packages, "HEADERS", ABSENT), mock.patch.object(packages, "PEER_HEADERS", {}), \
                mock.patch.object(os, "geteuid", return_value=1000), contextlib.redirect_stderr(errors):
            self.assertEqual(main.main([]), 2)
        self.assertRegex(errors.getvalue(), "as root: apt-get install (gnuplot-nox )?libnosuch-dev\n")


if __name__ == "__main__":
    unittest.main()
