"""What the checks share: which files there are, what they include, how to tell the result."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("core", "net", "protocol", "tools")
CXX = (".cc", ".h")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


@lru_cache
def files():
    """All files of the project, relative to its root: tracked ones and new ones not ignored."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.split("\0")
    else:  # not a clone
        names = (str(path.relative_to(ROOT)) for path in ROOT.rglob("*"))
    return [Path(name) for name in sorted(set(names))
            if name and not name.startswith("build/") and (ROOT / name).is_file()]


def cxx_files(suffixes=CXX):
    return [path for path in files() if path.suffix in suffixes]


@lru_cache
def text(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def includes(path):
    return INCLUDE.findall(text(path))


def closure(path):
    """The file and everything of the project that it includes, directly or not."""
    seen, left = set(), [path]
    while left:
        each = left.pop()
        if each in seen or not (ROOT / each).is_file():
            continue
        seen.add(each)
        left.extend(Path(name) for name in includes(each))
    return sorted(seen)


def build_folder(arguments):
    """The build folder named by --build, or that of the preset made for this."""
    if "--build" in arguments:
        return Path(arguments[arguments.index("--build") + 1]).resolve()
    if (ROOT / "build/analysis/compile_commands.json").exists():
        return ROOT / "build/analysis"
    sys.exit("No build folder: run `cmake --preset analysis` first, or give --build FOLDER.")


def compile_commands(build):
    """Source file, relative to the root → the compiler's arguments without input and output."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = Path(entry["directory"], entry["file"]).resolve()
        if not source.is_relative_to(ROOT):
            continue
        words = shlex.split(entry["command"])
        while not Path(words[0]).name.startswith("clang"):
            words.pop(0)  # ccache
        arguments, skip = [], False
        for word in words[1:]:
            if skip or word in ("-o", "-MF", "-MT", "-c", "-MD"):
                skip = not skip and word in ("-o", "-MF", "-MT")
            elif Path(entry["directory"], word).resolve() != source:
                arguments.append(word)
        commands[source.relative_to(ROOT)] = arguments
    return commands


class Cache:
    """Remembers under build/ which inputs were found good, by their content."""

    def __init__(self, name, *tools):
        versions = [subprocess.run([tool, "--version"], capture_output=True, text=True,
                                   check=True).stdout for tool in tools]
        self.folder = ROOT / "build" / "checks" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seed = "\0".join(versions)

    def key(self, path, *more):
        digest = hashlib.sha256("\0".join((self.seed, str(path), *more)).encode())
        for each in closure(path):
            digest.update(f"\0{each}\0{text(each)}".encode())
        return self.folder / digest.hexdigest()


class Report:
    """Collects problems per case, prints them, and ends with the counts that tools/test reads."""

    def __init__(self, name):
        self.name, self.passed, self.failed = name, 0, 0

    def case(self, what, problems):
        problems = list(problems)
        if problems:
            self.failed += 1
            print(f"FAILED {self.name}: {what}")
            for problem in problems:
                print(f"  {problem}")
        else:
            self.passed += 1

    def all(self, cases, work, jobs=2):
        with ThreadPoolExecutor(jobs) as pool:
            for what, problems in zip(cases, pool.map(work, cases)):
                self.case(what, problems)

    def finish(self):
        if self.passed + self.failed == 0:
            self.case("there is something to check", ["nothing found"])
        print(f"{self.name}: {self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed else 0)
