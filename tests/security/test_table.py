"""The table in README.md is complete: every test that it names exists, every test here is in it."""

import ast
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent


def names_in(path):
    tree = ast.parse(path.read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = (node.name for node in tree.body if isinstance(node, functions))
    return {name for name in found if name.startswith("test_")}


def rows():
    """The cells of each row of the table of attacks."""
    lines = (HERE / "README.md").read_text().splitlines()
    begin = lines.index("| attack | how it is tried | what the server answers | test |")
    table = [line for line in lines[begin + 2 :] if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


def named():
    name = re.compile(r"`((?:e2e/)?test_\w+\.py::test_\w+)`")
    return {found for row in rows() for found in name.findall(row[-1])}


def test_every_test_that_is_named_exists():
    for name in named():
        file, test = name.split("::")
        path = HERE.parent / file if file.startswith("e2e/") else HERE / file
        assert path.exists() and test in names_in(path), name


def test_every_test_here_is_named():
    here = {
        f"{path.name}::{test}"
        for path in HERE.glob("test_*.py")
        if path != pathlib.Path(__file__).resolve()
        for test in names_in(path)
    }
    assert len(here) > 50 and not here - named()


def test_every_attack_has_an_answer_and_a_test():
    attacks = [row for row in rows() if not row[0].startswith("**")]
    assert len(attacks) > 60
    for row in attacks:
        assert len(row) == 4 and row[0] and row[2] and "::" in row[3], row
