"""Facts of the machine that belong beside every figure, and the one setting that may be changed
for a run."""

import os
import platform
import sys
import time
from contextlib import contextmanager
from pathlib import Path

BACKLOG = Path("/proc/sys/net/core/netdev_max_backlog")
WANTED_BACKLOG = 30_000


def read(path, default=""):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return default


def cpu_model():
    for line in read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def mitigations():
    folder = Path("/sys/devices/system/cpu/vulnerabilities")
    found = {}
    if folder.is_dir():
        for entry in sorted(folder.iterdir()):
            text = read(entry)
            if text.startswith("Mitigation"):
                found[entry.name] = text
    return found


def facts():
    return {
        "kernel": platform.release(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "load1": round(os.getloadavg()[0], 2),
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20,
        "congestion_control": read("/proc/sys/net/ipv4/tcp_congestion_control"),
        "netdev_max_backlog": int(read(BACKLOG, "0") or 0),
        "somaxconn": int(read("/proc/sys/net/core/somaxconn", "0") or 0),
        "mitigations": mitigations(),
    }


def describe(known):
    return (
        f"{known['cpu']}, {known['cores']} cores, Linux {known['kernel']}, "
        f"{known['congestion_control']}, netdev_max_backlog {known['netdev_max_backlog']}, "
        f"load {known['load1']}"
    )


def backlog_warning(value):
    """A burst over loopback longer than the backlog is dropped, and TCP repairs it 200 ms later."""
    if value >= WANTED_BACKLOG:
        return None
    return (
        f"net.core.netdev_max_backlog is {value}: longer bursts over loopback are "
        f"dropped and resent "
        f"late, for every server alike (--raise-backlog sets {WANTED_BACKLOG} for this run)"
    )


class Disturbance:
    """How much of the machine's cores others used meanwhile: a share of all cores, known after
    the block.

    Our own part is what we and the children we have waited for have used, so children must have
    ended.
    """

    def __enter__(self):
        self.start = self.now()
        self.share = 0.0
        return self

    def __exit__(self, *_):
        wall, busy, ours = (after - before for after, before in zip(self.now(), self.start))
        if wall > 0:
            self.share = max(0.0, (busy - ours) / (wall * (os.cpu_count() or 1)))

    @staticmethod
    def now():
        """Seconds: the clock, user and system time of all cores, user and system time of ours."""
        fields = read("/proc/stat").split("\n", 1)[0].split()
        ticks = sum(int(value) for value in fields[1:4])  # user, nice, system
        return time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), sum(os.times()[:4])


@contextmanager
def raised_backlog(wanted):
    """Raises the backlog if asked to, and puts back what was there."""
    before = read(BACKLOG, "0")
    raised = wanted and int(before or 0) < WANTED_BACKLOG
    if raised:
        try:
            BACKLOG.write_text(str(WANTED_BACKLOG))
        except OSError as error:
            sys.exit(f"compare: --raise-backlog: {error}")
    try:
        yield
    finally:
        if raised:
            BACKLOG.write_text(before)
