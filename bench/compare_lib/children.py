"""Child processes that do not outlive us: own process group, pinned, killed on every way out.

All are of our session. The kernel shares a core out between sessions first (sched_autogroup), so a
priority means nothing to those of another one.
"""

import ctypes
import os
import resource
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def prepare(cores, descriptors):
    """What a child does between fork and exec."""

    def run():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.sched_setaffinity(0, cores)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = descriptors or hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, hard), min(limit, hard)))

    return run


class Children:
    """All the children of this run. Use as a context manager."""

    def __init__(self):
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in list(self.running):
            self.stop(process, patience_s=0.5)

    def start(self, command, cores, log, descriptors=None, **options):
        process = subprocess.Popen(
            [str(part) for part in command],
            stderr=log,
            process_group=0,
            preexec_fn=prepare(cores, descriptors),
            **{"stdin": subprocess.DEVNULL, "stdout": log, **options},
        )
        self.running.append(process)
        return process

    def stop(self, process, patience_s=5.0):
        """Asks, waits, then kills the whole group."""
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        if process in self.running:
            self.running.remove(process)

    def run(self, command, cores, log, timeout_s, **options):
        """Runs to the end. Returns the exit status, or None when time ran out."""
        process = self.start(command, cores, log, **options)
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.stop(process, patience_s=1.0)


def descendants(pid):
    """The process and its children, eldest first."""
    found = [pid]
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            for child in file.read().split():
                found += descendants(int(child))
    except OSError:
        pass
    return found


def memory(pids):
    """{"anon_bytes", "rss_bytes"} of the processes together."""
    total = {"anon_bytes": 0, "rss_bytes": 0}
    names = {"Anonymous:": "anon_bytes", "Rss:": "rss_bytes"}
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                for line in file:
                    key = names.get(line.split(maxsplit=1)[0])
                    if key:
                        total[key] += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total


def wait_until(condition, timeout_s, step_s=0.05):
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step_s)
    return True
