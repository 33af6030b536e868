# SPDX-License-Identifier: GPL-2.0
"""Run a module's unittest cases and print KTAP, for tests inside a guest."""

import os
import sys
import traceback
import unittest


class KtapResult(unittest.TestResult):
    """Prints one KTAP line a test, after what went wrong."""

    def __init__(self, out):
        super().__init__()
        self.out = out

    def line(self, text):
        for stream in (self.out, sys.stdout):
            print(text, file=stream, flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.word, self.directive = "ok", ""

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.directive = f" # SKIP {reason}"

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.word = "not ok"
        for line in "".join(traceback.format_exception(*err)).splitlines():
            self.line(f"# {line}")
        if not isinstance(test, unittest.TestCase):
            # What is for all tests of a class, which has no line of its own.
            self.line(f"not ok {self.testsRun + 1} {test.id()}")

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.word = "not ok"
            for line in (subtest.id(), *"".join(traceback.format_exception(*err)).splitlines()):
                self.line(f"# {line}")

    def stopTest(self, test):
        super().stopTest(test)
        self.line(f"{self.word} {self.testsRun} {test.id().split('.', 1)[1]}{self.directive}")


def main():
    """Run all tests of the main module; exit with 1 if one fails."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    with open(os.path.join(os.environ["OUT"], "results.ktap"), "w") as out:
        result = KtapResult(out)
        result.line("KTAP version 1")
        result.line(f"1..{suite.countTestCases()}")
        suite.run(result)
    sys.exit(not result.wasSuccessful())
