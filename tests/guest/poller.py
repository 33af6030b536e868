# SPDX-License-Identifier: GPL-2.0
"""Sleeps in poll and epoll on argv[1] until the device is gone."""

import os
import select
import sys
import threading

GONE = select.POLLHUP | select.POLLERR

try:
    device = os.open(sys.argv[1], os.O_RDWR | os.O_NONBLOCK)
except OSError:
    sys.exit(0)


def poll():
    poller = select.poll()
    poller.register(device, 0)
    while not poller.poll()[0][1] & GONE:
        pass


def epoll():
    poller = select.epoll()
    poller.register(device, select.EPOLLET)
    while not poller.poll()[0][1] & GONE:
        pass


threads = [threading.Thread(target=target) for target in (poll, epoll)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
