# SPDX-License-Identifier: GPL-2.0
"""Calls that go on beside a test, what came of them, and waiting for what comes by itself."""

import errno
import threading
import time


def wait_for(what, condition, seconds=15):
    """Wait until the condition holds; what is told if it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Background(threading.Thread):
    """Makes one call; result() is its value, or its errno's name; the kernel's own errnos have none."""

    def __init__(self, call, *arguments, **keywords):
        super().__init__(daemon=True)
        self.call, self.arguments, self.keywords = call, arguments, keywords
        self.value = self.problem = None
        self.start()

    def run(self):
        try:
            self.value = self.call(*self.arguments, **self.keywords)
        except OSError as error:
            self.value = errno.errorcode.get(error.errno, error.errno)
        except Exception as error:
            self.problem = error

    def result(self, seconds=10):
        self.join(seconds)
        assert not self.is_alive(), "still running"
        if self.problem:
            raise self.problem
        return self.value


class Sleeper(Background):
    """Makes a call that is expected to sleep."""

    def __init__(self, call, *arguments):
        super().__init__(call, *arguments)
        time.sleep(0.2)
        assert self.is_alive(), f"did not sleep: {self.result()}"


class Caller(threading.Thread):
    """Makes a call again and again, until it is told to stop or fails with what is not allowed.

    Allowed are errnos; None is all of them.
    """

    def __init__(self, call, stop, allowed=None):
        super().__init__(name=getattr(call, "__name__", None), daemon=True)
        self.call, self.stop, self.allowed = call, stop, allowed
        self.worked = self.refused = 0
        self.problem = None

    def once(self):
        self.call()
        self.worked += 1

    def run(self):
        while not self.stop.is_set() and not self.problem:
            try:
                self.once()
            except OSError as error:
                self.refused += 1
                if self.allowed is not None and error.errno not in self.allowed:
                    self.problem = error
            except Exception as error:
                self.problem = error


class Traffic:
    """Callers that are at it during a block, which fails if one has a problem, does not come back, or, if all
    must have worked, has not."""

    def __init__(self, *calls, allowed=None, must_work=True, caller=Caller):
        self.stop, self.must_work = threading.Event(), must_work
        self.callers = [caller(call, self.stop, allowed) for call in calls]

    def problems(self):
        return [f"{caller.name}: {caller.problem!r}" for caller in self.callers if caller.problem]

    def __enter__(self):
        for caller in self.callers:
            caller.start()
        return self

    def __exit__(self, kind, *_):
        # On a busy machine a caller may not have had its turn yet.
        end = time.monotonic() + 10
        while self.must_work and not kind and not all(caller.worked or caller.problem for caller in self.callers):
            if time.monotonic() > end:
                break
            time.sleep(0.05)
        self.stop.set()
        for caller in self.callers:
            caller.join(60)
        if kind:
            return
        found = self.problems()
        found += [f"{caller.name}: does not return" for caller in self.callers if caller.is_alive()]
        if self.must_work:
            found += [f"{caller.name}: never worked" for caller in self.callers if not caller.worked]
        assert not found, found
