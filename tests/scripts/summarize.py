#!/usr/bin/env python3
"""Sums what meson's test logs say: summarize.py [--extra-failed N] STAGE=TESTLOG.JSON...

A test program written with Check counts as many tests as its total says; a line "skipped: NAME: REASON" that it prints
takes one of them from the passed to the skipped. Any other test counts as one; exit status 77 means skipped, and its
"skipped:" line says why. Prints failures and what was skipped, and last of all "N passed, N failed, N skipped".
"""
import json
import re
import sys

CHECK_TOTAL = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
SKIPPED = re.compile(r"^skipped: (.*)$", re.M)
TAIL_LINES = 60


class Sums:
    def __init__(self):
        self.passed = self.failed = 0
        self.skipped = []

    def add(self, stage, test):
        output = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
        name = f"{stage}: {test['name'].split(' / ')[-1]}"
        reasons = SKIPPED.findall(output)
        totals = CHECK_TOTAL.findall(output)
        checks, failures = (sum(int(t[0]) for t in totals), sum(int(t[1]) + int(t[2]) for t in totals))
        is_good = test["result"] in ("OK", "EXPECTEDFAIL")
        if test["result"] == "SKIP":
            self.skipped.append((name, reasons[-1] if reasons else "gives no reason"))
        elif checks:
            failures = failures if is_good else max(failures, 1)
            self.failed += failures
            self.passed += max(checks - failures - len(reasons), 0)
            self.skipped += [(name, reason) for reason in reasons]
        else:
            self.passed += is_good
            self.failed += not is_good
        if not is_good and test["result"] != "SKIP":
            print(f"\nFAILED: {name}: {test['result']}, status {test.get('returncode')}")
            print("\n".join(output.strip().splitlines()[-TAIL_LINES:]))


def main(arguments):
    sums = Sums()
    if arguments[:1] == ["--extra-failed"]:
        sums.failed += int(arguments[1])
        arguments = arguments[2:]
    for argument in arguments:
        stage, path = argument.split("=", 1)
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                sums.add(stage, json.loads(line))
    grouped = {}
    for name, reason in sums.skipped:
        grouped.setdefault(reason, []).append(name)
    if grouped:
        print("\nSkipped:")
    for reason, names in sorted(grouped.items()):
        print(f"  {reason} ({len(names)}: {', '.join(sorted(set(names))[:4])}{', ...' if len(set(names)) > 4 else ''})")
    print(f"{sums.passed} passed, {sums.failed} failed, {len(sums.skipped)} skipped")
    return 1 if sums.failed or not sums.passed else 0


sys.exit(main(sys.argv[1:]))
