"""The CI recipes: the shell lines of the workflows, of the page and of tox are run, in a little project with a flaky test."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
PAGE = ROOT / "docs" / "how-to" / "run-in-ci.md"
SUITE = ROOT / "tests" / "compat" / "suite"

GOOD = """
import conveyor

def test_both(world):
    assert sorted(conveyor.run(world)) == [1, 2]
"""
FLAKY = """
def test_order(world):
    assert conveyor.run(world) == [1, 2]
"""
# What takes long or needs the network is looked at, not done.
INSTEAD = {".ci/run": f"bash -n {ROOT}/.ci/run", ".ci/matrix --all": f"{sys.executable} {ROOT}/.ci/matrix --all --list"}


@dataclass
class Sandbox:
    """A project, and an environment in which its CI can be played."""

    folder: Path
    environment: dict[str, str]
    installed: Path
    summary: Path
    uploads: list[Path] = field(default_factory=list)

    def shell(self, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a line as GitHub's runners do."""
        return subprocess.run(
            ["bash", "-e", "-c", INSTEAD.get(line, line)],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def play(self, job: dict[str, Any], **values: str) -> bool:
        """Run the steps of a job under one combination of its matrix; whether it succeeded."""
        variables = {name: "20" if name == "SEEDS" else str(value) for name, value in job.get("env", {}).items()}
        succeeded = True
        for step in job["steps"]:
            if (step.get("if") == "failure()") == succeeded:
                continue
            if "run" in step:
                done = self.shell(_filled(step["run"].strip(), values), **variables)
                succeeded &= done.returncode == 0
                if done.returncode not in (0, 1):
                    raise AssertionError(f"{step['run']}\nended with {done.returncode}\n{done.stdout}\n{done.stderr}")
            elif step["uses"].startswith("actions/upload-artifact@"):
                self.uploads.append(self.folder / _filled(step["with"]["path"], values))
        return succeeded


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("${{ matrix." + name + " }}", value)
    assert "${{" not in text, f"{text}: this expression is not known here"
    return text


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A project with a test that holds and one that fails for about half of the seeds; installing is noted, not done."""
    folder = tmp_path / "project"
    (folder / "tests").mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n", "utf-8")
    (folder / "conveyor.py").write_text((SUITE / "conveyor.py").read_text("utf-8"), "utf-8")
    (folder / "tests" / "test_good.py").write_text(GOOD, "utf-8")
    (folder / "tests" / "test_shop.py").write_text(GOOD + FLAKY, "utf-8")
    bin_folder, installed = tmp_path / "bin", tmp_path / "installed"
    bin_folder.mkdir()
    (bin_folder / "pip").write_text(f'#!/bin/sh\necho "$@" >> {installed}\n', "utf-8")
    for name, module in (("pytest", "pytest"), ("python", "")):
        options = f"-m {module}" if module else ""
        (bin_folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {options} "$@"\n', "utf-8")
    for script in bin_folder.iterdir():
        script.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PATH": f"{bin_folder}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "fixtures")]), "PYTEST_XDIST_AUTO_NUM_WORKERS": "2"}
    if not _plugin_is_installed():
        environment["PYTEST_ADDOPTS"] = "-p harness_fixtures.plugin"
    return Sandbox(folder, environment, installed, tmp_path / "summary.md")


def _plugin_is_installed() -> bool:
    from tests.plugin.conftest import INSTALLED

    return INSTALLED


def workflow(name: str) -> dict[str, Any]:
    """A workflow: of this project, or of the page."""
    if name.startswith("page:"):
        title = name.removeprefix("page:")
        found = re.search(rf'```yaml title="[^"]*{re.escape(title)}"\n(.*?)```', PAGE.read_text("utf-8"), re.DOTALL)
        assert found is not None, f"{PAGE} has no {title}"
        content = found[1]
    else:
        content = (WORKFLOWS / name).read_text("utf-8")
    parsed: dict[str, Any] = yaml.safe_load(content)
    return parsed


def properties(path: Path) -> dict[str, dict[str, str]]:
    """The properties of each failed test of a JUnit file."""
    return {
        str(case.get("name")): {str(item.get("name")): str(item.get("value")) for item in case.iter("property")}
        for case in ElementTree.parse(path).iter("testcase")
        if case.find("failure") is not None
    }


@pytest.mark.parametrize("name", ["flake-sweep.yml", "page:flake-sweep.yml"])
def test_sweep_finds_and_keeps_a_flake(sandbox: Sandbox, name: str) -> None:
    """The nightly job fails, uploads report and JUnit file with seed and command, and its summary's command fails here too."""
    job = workflow(name)["jobs"]["sweep"]
    assert job["strategy"]["matrix"]["shard"] == [1, 2, 3, 4]
    assert job["strategy"]["fail-fast"] is False
    assert sandbox.play(job, shard="1") is False
    assert sandbox.installed.read_text("utf-8").startswith("install --editable ")
    (folder,) = sandbox.uploads
    failed = properties(folder / "junit-1.xml")
    assert failed
    for test, values in failed.items():
        assert test.startswith("test_order")
        assert int(values["cluster_seed"]) % 4 == 0
        assert values["cluster_replay"] == f"pytest tests/test_shop.py::test_order --cluster-seed={values['cluster_seed']}"
    assert [path for path in folder.iterdir() if "test_order" in path.name]
    commands = sandbox.summary.read_text("utf-8").splitlines()
    assert sorted(commands) == sorted({values["cluster_replay"] for values in failed.values()})
    done = sandbox.shell(commands[0])
    assert done.returncode == 1
    assert commands[0] in done.stdout


@pytest.mark.parametrize("name", ["flake-sweep.yml", "page:flake-sweep.yml"])
def test_sweep_of_a_sound_project_passes(sandbox: Sandbox, name: str) -> None:
    """Where nothing fails, the job succeeds and uploads nothing."""
    (sandbox.folder / "tests" / "test_shop.py").unlink()
    assert sandbox.play(workflow(name)["jobs"]["sweep"], shard="4") is True
    assert sandbox.uploads == []
    assert not sandbox.summary.exists()


def test_shards_of_the_workflow_are_the_whole(sandbox: Sandbox) -> None:
    """The four jobs together run each seed once."""
    (sandbox.folder / "tests" / "test_shop.py").unlink()
    (sandbox.folder / "tests" / "test_good.py").write_text(
        "def test_seed(seed):\n    with open('seeds', 'a') as file:\n        file.write(f'{seed}\\n')\n", "utf-8"
    )
    job = workflow("flake-sweep.yml")["jobs"]["sweep"]
    for shard in job["strategy"]["matrix"]["shard"]:
        assert sandbox.play(job, shard=str(shard))
    assert sorted(map(int, (sandbox.folder / "seeds").read_text("utf-8").split())) == list(range(20))


def test_first_job_of_the_page(sandbox: Sandbox) -> None:
    """The job for every push runs each test once and leaves a JUnit file."""
    (sandbox.folder / "tests" / "test_shop.py").unlink()
    assert sandbox.play(workflow("page:tests.yml")["jobs"]["tests"]) is True
    assert properties(sandbox.folder / "junit.xml") == {}


def test_other_jobs_of_this_project(sandbox: Sandbox) -> None:
    """The other workflows name scripts that exist, can be run, and understand their options."""
    for job in (workflow("ci.yml")["jobs"]["everything"], workflow("flake-sweep.yml")["jobs"]["compatibility"]):
        assert any(step.get("run") in INSTEAD for step in job["steps"])
        assert sandbox.play(job) is True
    for script in (".ci/run", ".ci/matrix"):
        assert os.access(ROOT / script, os.X_OK)


def test_workflows_ask_for_few_rights() -> None:
    """Every workflow of this project may only read, ends by itself, and names the releases of the actions that it uses."""
    for path in sorted(WORKFLOWS.glob("*.yml")):
        content = workflow(path.name)
        assert content["permissions"] == {"contents": "read"}
        for job in content["jobs"].values():
            assert job["timeout-minutes"] <= 60
            assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)


@pytest.mark.parametrize("source", ["tox.ini", "page"])
def test_tox_environment_for_flakes(sandbox: Sandbox, source: str) -> None:
    """The commands of the tox environment find the flake, and leave report and JUnit file."""
    (sandbox.folder / "examples" / "mesos_ticket").mkdir(parents=True)
    (sandbox.folder / "examples" / "mesos_ticket" / "test_ticket.py").write_text(GOOD, "utf-8")
    if source == "page":
        found = re.search(r'```ini title="tox.ini"\n(.*?)```', PAGE.read_text("utf-8"), re.DOTALL)
        assert found is not None
        content = found[1]
    else:
        content = (ROOT / "tox.ini").read_text("utf-8")
    parser = configparser.RawConfigParser()
    parser.read_string(content)
    commands = [line for line in parser["testenv:flakes"]["commands"].splitlines() if line.strip()]
    done = None
    for command in commands:
        line = command.replace("{env_dir}", "environment").replace("{posargs}", "").strip()
        assert "{" not in line
        done = sandbox.shell(re.sub(r"--cluster-seeds=\d+", "--cluster-seeds=20", line))
        assert done.returncode == (0 if "mesos_ticket" in line else 1), done.stdout + done.stderr
    assert done is not None
    failed = properties(sandbox.folder / "environment" / "reports" / "junit.xml")
    assert {"cluster_seed", "cluster_replay"} <= set(next(iter(failed.values())))
