"""``selfcue new method``: a package of its own that holds a working, tested method, ready to be changed."""

from __future__ import annotations

import keyword
import re
from importlib import resources
from pathlib import Path

import typer

from selfcue.errors import BadInputError

app = typer.Typer(
    help="Start something of your own: a package that works and is tested, to be changed.", no_args_is_help=True
)

_PYPROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{distribution}"
version = "0.1.0"
description = "A self-supervised method for selfcue"
requires-python = ">=3.10"
dependencies = ["selfcue[offline]"]

# This line is all that plugs it in.
[project.entry-points."selfcue.methods"]
{name} = "{package}.{name}:{class_name}"

[tool.setuptools]
packages = ["{package}"]
"""

_TEST = '''"""What every method must keep to; add what yours claims."""

from __future__ import annotations

import numpy as np
import pytest

from {package}.{name} import {class_name}
from selfcue.errors import BadInputError
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.data.windows import Windows
from selfcue.learners.offline.method import Method, Transforms


def waves(n: int = 48, length: int = 12) -> Windows:
    """Return stretches of waves with a little noise."""
    rng = np.random.default_rng(0)
    x = np.sin(rng.random((n, 1)) * 6.3 + 0.6 * np.arange(length)) + 0.01 * rng.normal(size=(n, length))
    return Windows(x[..., None].astype(np.float32))


def test_it_keeps_the_contract():
    assert isinstance({class_name}(), Method)
    assert isinstance({class_name}(), Transforms)


def test_it_learns():
    history = {class_name}(epochs=40).fit(waves(), progress=False).history
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]


def test_one_seed_is_one_result():
    first, again, other = (
        {class_name}(epochs=3).fit(waves(), seed=seed, progress=False).transform(waves()) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_run_that_was_cut_goes_on_and_a_model_is_kept(tmp_path):
    whole = {class_name}(epochs=4).fit(waves(), progress=False)
    {class_name}(epochs=4).fit(waves(), budget=Budget(epochs=2), resume=tmp_path / "run.safetensors", progress=False)
    again = {class_name}(epochs=4).fit(waves(), resume=tmp_path / "run.safetensors", progress=False)
    again.save(tmp_path / "model.safetensors")
    loaded = {class_name}.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.transform(waves()), whole.transform(waves()))


def test_wrong_windows_are_refused():
    method = {class_name}(epochs=1).fit(waves(), progress=False)
    with pytest.raises(BadInputError, match="learned from"):
        method.transform(waves(length=5))
'''

_README = """# {distribution}

`{name}`, a method for [selfcue](https://pypi.org/project/selfcue/).

    pip install -e .
    pytest
    selfcue methods show {name}
    selfcue fit {name} --data windows.npz --out run

`{package}/{name}.py` is the method. Replace the net and `forward` by your paper's, then the settings, then the card
(`about`). The page "Add a method" in selfcue's documentation explains each part, and how to add a reproduction.
"""


@app.callback()
def _new() -> None:
    """Start something of your own."""


@app.command("method")
def method(
    name: str = typer.Argument(..., help="Its name, in small letters: my_method."),
    out: Path = typer.Option(Path(), help="Where the package's folder is made."),
) -> None:
    """Make a package with a working, tested method, plugged in by one entry point.

    Example: `selfcue new method my_method && pip install -e selfcue-my-method && selfcue methods`
    """
    folder = write_package(name, out)
    typer.echo(f"made {folder}; next:")
    typer.echo(f"    pip install -e {folder} && pytest {folder} && selfcue methods show {name}")


def write_package(name: str, out: Path) -> Path:
    """Write the package of a method ``name`` below ``out`` and return its folder.

    Raises:
        BadInputError: the name will not do, or the folder is there already.
    """
    from selfcue.learners.offline.registry import method_names

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise BadInputError(f"name {name!r}; use small letters, digits and '_', like my_method")
    if name in method_names():
        raise BadInputError(f"there is a method {name!r} already; choose another name")
    words = {
        "name": name,
        "package": f"selfcue_{name}",
        "distribution": "selfcue-" + name.replace("_", "-"),
        "class_name": "".join(part.capitalize() for part in name.split("_")),
    }
    folder = out / words["distribution"]
    if folder.exists():
        raise BadInputError(f"{folder} is there already; remove it or choose another name")
    package = folder / words["package"]
    package.mkdir(parents=True)
    (folder / "tests").mkdir()
    code = resources.files("selfcue.learners.offline.example").joinpath("masked_windows.py").read_text(encoding="utf-8")
    code = code.replace("ExampleMethod", words["class_name"]).replace("example_method", name)
    texts = {
        folder / "pyproject.toml": _PYPROJECT.format(**words),
        folder / "README.md": _README.format(**words),
        package / "__init__.py": f'"""{name}, a method for selfcue."""\n',
        package / f"{name}.py": code,
        folder / "tests" / f"test_{name}.py": _TEST.format(**words),
    }
    for path, content in texts.items():
        path.write_text(content, encoding="utf-8")
    return folder
