"""Facts of the machine that belong beside every figure, and the one setting that may be changed for a run."""

import os
import platform
import sys
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
        f"net.core.netdev_max_backlog is {value}: longer bursts over loopback are dropped and resent "
        f"late, for every server alike (--raise-backlog sets {WANTED_BACKLOG} for this run)"
    )


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
