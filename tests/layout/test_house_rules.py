"""House rules that a linter does not know."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

LONGEST_LINES = 400
UNSAFE_CALLS = {"eval", "exec", "__import__", "pickle.load", "pickle.loads", "pickle.dump", "pickle.dumps"}
UNSAFE_CALLS |= {"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen"}
UNSAFE_IMPORTS = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
ABSOLUTE = re.compile(r"""["'](/(?:home|root|work|Users|mnt|opt)/[^"']*)["']""")


def unsafe(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of everything in ``source`` that could run what it reads."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, a.name) for a in node.names if a.name.partition(".")[0] in UNSAFE_IMPORTS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in UNSAFE_IMPORTS:
            yield node.lineno, str(node.module)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if name in UNSAFE_CALLS:
                yield node.lineno, name
            if name in {"np.load", "numpy.load"} and keywords.get("allow_pickle") != "False":
                yield node.lineno, f"{name} without allow_pickle=False"
            if name == "torch.load" and keywords.get("weights_only") != "True":
                yield node.lineno, "torch.load without weights_only=True"
            if keywords.get("allow_pickle", "False") != "False":
                yield node.lineno, f"{name}(allow_pickle={keywords['allow_pickle']})"
            if keywords.get("shell", "False") != "False":
                yield node.lineno, f"{name}(shell={keywords['shell']})"


def test_nothing_in_the_tree_runs_what_it_reads(code_and_tests: list[Path], root: Path) -> None:
    found = [
        f"{path.relative_to(root)}:{line}: {what}" for path in code_and_tests for line, what in unsafe(path.read_text())
    ]
    # The tests run what the documentation shows, page by page; nothing else in them does.
    pages = "docs|" + "|".join(path.stem for path in (root / "docs").glob("*.md"))
    found = [line for line in found if not re.fullmatch(rf"tests/(\w+/)+test_({pages})\.py:\d+: exec", line)]
    assert found == []


def test_the_scan_finds_what_is_unsafe() -> None:
    planted = "import pickle\nx = np.load(f)\ny = eval(s)\nz = yaml.load(t)\nnp.save(f, x, allow_pickle=True)\n"
    planted += "m = torch.load(f)\nsubprocess.run(c, shell=True)\nfrom dill import load\n"
    assert [line for line, _ in sorted(set(unsafe(planted)))] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_every_module_says_what_it_holds(code: list[Path], root: Path) -> None:
    silent = [path.relative_to(root) for path in code if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_no_file_names_a_folder_of_one_machine(code_and_tests: list[Path], root: Path) -> None:
    this = Path(__file__).resolve()
    found = [
        f"{path.relative_to(root)}: {match[1]}"
        for path in [*code_and_tests, *(root / "launch").rglob("*.yaml")]
        if path != this
        for match in ABSOLUTE.finditer(path.read_text())
    ]
    assert found == []


def test_no_file_has_grown_too_long(code_and_tests: list[Path], root: Path) -> None:
    long = {str(path.relative_to(root)): len(path.read_text().splitlines()) for path in code_and_tests}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_LINES} == {}


def test_no_note_to_self_is_left(code_and_tests: list[Path], root: Path) -> None:
    notes = re.compile(r"#.*\b(?:TODO|FIXME|XXX|HACK)\b")
    this = Path(__file__).resolve()
    found = [
        f"{path.relative_to(root)}:{number}"
        for path in code_and_tests
        if path != this
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if notes.search(line)
    ]
    assert found == []
