"""What is shipped: the wheel, the sdist, an editable install, and peace with the PyPI package ``fixtures``."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

SHIPPED = {
    ".ci", ".github", ".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "benchmarks", "conftest.py",
    "docs", "examples", "fixtures", "harness", "mkdocs.yml", "pyproject.toml", "tests", "tox.ini",
}  # fmt: skip


def _run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a freshly built wheel and sdist; the wheel is built from the sdist."""
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    if not PROJECT.joinpath("README.md").exists():
        pytest.skip("README.md is named in pyproject.toml, and is not there")
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, PROJECT)
    return folder


def _wheel(distributions: Path) -> Path:
    (path,) = distributions.glob("*.whl")
    return path


def test_wheel_holds_the_two_packages(distributions: Path) -> None:
    """The wheel has exactly ``harness`` and ``harness_fixtures`` (not ``fixtures``), typed, with entry points and licence."""
    with zipfile.ZipFile(_wheel(distributions)) as wheel:
        names = wheel.namelist()
        entries = configparser.ConfigParser()
        info = next(name for name in names if name.endswith("entry_points.txt"))
        entries.read_string(wheel.read(info).decode())
    assert {name.partition("/")[0] for name in names} == {"harness", "harness_fixtures", "cluster_harness-0.1.0.dist-info"}
    assert {"harness/py.typed", "harness_fixtures/py.typed"} <= set(names)
    page = PROJECT / "harness" / "report" / "page"
    assert {f"harness/report/page/{path.name}" for path in page.iterdir() if path.is_file()} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or "test" in name.partition("/")[2]]
    assert entries["pytest11"]["cluster_harness"] == "harness_fixtures.plugin"
    assert entries["console_scripts"]["harness"] == "harness.cli:main"


def test_wheel_has_every_module(distributions: Path) -> None:
    """Nothing of the two packages is left behind."""
    wanted = {
        str(file.relative_to(root))
        for root, package in ((PROJECT, "harness"), (PROJECT / "fixtures", "harness_fixtures"))
        for file in (root / package).rglob("*.py")
    }
    with zipfile.ZipFile(_wheel(distributions)) as wheel:
        assert wanted <= set(wheel.namelist())


def test_sdist_lists_only_project_files(distributions: Path) -> None:
    """The sdist holds the project and nothing of anybody's machine."""
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        inner = {Path(name).parts[1:] for name in sdist.getnames()}
    top = {parts[0] for parts in inner if parts}
    assert top <= SHIPPED
    assert {"harness", "fixtures", "pyproject.toml", "LICENSE", "tests"} <= top
    assert not [parts for parts in inner if "__pycache__" in parts]


@pytest.fixture(scope="session")
def environment(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and, beside it, PyPI's ``fixtures``; its own Python."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    reached = subprocess.run([*pip, "fixtures"], capture_output=True, text=True, check=False)
    if reached.returncode:
        pytest.skip(f"no package index within reach: {reached.stderr.strip()[-200:]}")
    _run(*pip, _wheel(distributions))
    return python


def test_peace_with_the_package_fixtures(environment: Path, tmp_path: Path) -> None:
    """Beside PyPI's ``fixtures`` both work, and neither has written into the other."""
    code = (
        "import fixtures, harness, harness_fixtures, pathlib;"
        "assert hasattr(fixtures, 'Fixture'), fixtures;"
        "site = pathlib.Path(harness.__file__).parent.parent;"
        "assert pathlib.Path(fixtures.__file__) == site / 'fixtures' / '__init__.py';"
        "assert not (site / 'fixtures' / 'harness_fixtures').exists();"
        "assert harness_fixtures.__file__ == str(site / 'harness_fixtures' / '__init__.py')"
    )
    _run(environment, "-c", code, cwd=tmp_path)
    _run(environment, "-m", "pip", "check")
    _run(environment, "-m", "pip", "uninstall", "--yes", "--quiet", "fixtures")
    _run(environment, "-c", "import harness, harness_fixtures.plugin", cwd=tmp_path)


def test_installed_plugin_and_command_work(environment: Path, tmp_path: Path) -> None:
    """Installed from the wheel, pytest finds the plugin by itself and the command runs."""
    tmp_path.joinpath("test_it.py").write_text("def test_it(world):\n    assert world.seed == 7\n", "utf-8")
    done = _run(environment, "-m", "pytest", "--cluster-seed=7", cwd=tmp_path)
    assert "cluster-harness: --cluster-seed=7" in done.stdout
    assert "0.1.0" in _run(environment.parent / "harness", "--version").stdout
    assert "none of 5 seeds" not in _run(environment.parent / "harness", "--help").stdout


def test_editable_install_finds_both_packages(tmp_path: Path) -> None:
    """An editable install puts the project's root and ``fixtures/`` on the path, and nothing else."""
    pytest.importorskip("hatchling")
    if not PROJECT.joinpath("README.md").exists():
        pytest.skip("README.md is named in pyproject.toml, and is not there")
    code = "import sys, hatchling.build; print(hatchling.build.build_editable(sys.argv[1]))"
    _run(sys.executable, "-c", code, tmp_path, cwd=PROJECT)
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        pth = next(name for name in wheel.namelist() if name.endswith(".pth"))
        lines = wheel.read(pth).decode().split()
    assert [Path(line).resolve() for line in lines] == [PROJECT, PROJECT / "fixtures"]
