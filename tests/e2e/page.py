# SPDX-License-Identifier: Apache-2.0
"""The page as a person reads it, and the JSON that must say the same: small programs of page_target.py."""
import os
import re
import subprocess

import lab

TARGET = os.path.join(lab.HERE, "page_target.py")

# Of each case: regular expressions of what the page must say, line by line or over several; and of what it must not.
PAGES = {
    "packages": (
        [
            r"3 tasks wait for a Lock O\d+.*\n +handler +shop/web\.py:3\n"
            r" +\.\.\. 5 frames\n +handler +shop/web\.py:4\n +\.\.\. 3 frames\n"
            r" +execute +orm/query\.py:3\n +execute +orm/query\.py:3\n +execute +orm/query\.py:4\n(.*__aenter__.*\n)? +(Lock\.)?acquire ",
        ],
        ["1 frame$"],
    ),
}


def check_json(case, report):
    """What the JSON of a case must say; one text per difference."""
    return []


def examine(one, case):
    """Dump the case and compare page and JSON; the differences."""
    must, must_not = PAGES[case]
    with lab.Target(one, TARGET, case) as target, lab.Scratch() as scratch:
        target.settle()
        lab.dumped(target.pid, scratch.file())
        page = lab.report(scratch.file(), "text").decode()
        report = lab.report(scratch.file())
    found = ["not on the page: " + want for want in must if not re.search(want, page, re.M)]
    found += ["on the page: " + bad for bad in must_not if re.search(bad, page, re.M)]
    found += check_json(case, report) + lab.schema_errors(report)
    return found + page.split("\n") if found else []


def test_page(one, case):
    lines = examine(one, case)
    if lines:
        raise lab.Failed("\n".join(lines))


def tests(one):
    """(name, function, arguments) as in run.py."""
    for case in PAGES:
        yield "%s: the page: %s" % (one.name, case), test_page, (one, case)
