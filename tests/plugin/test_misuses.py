"""What people get wrong with options, markers, fixtures and settings: one clear line each, and the right exit code."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import INSTALLED, PLUGIN, Runner

USAGE = pytest.ExitCode.USAGE_ERROR
FAILED = pytest.ExitCode.TESTS_FAILED
BROKEN = pytest.ExitCode.INTERRUPTED

OPTIONS = {
    "seed is a word": ("--cluster-seed=many", "--cluster-seed=many: wanted a whole number, a token * or 'last'"),
    "seed is empty": ("--cluster-seed=", "--cluster-seed=: wanted a whole number, a token * or 'last'"),
    "token of another format": ("--cluster-seed=ch9-random-1", "*format 'ch9', this release reads 'ch1'*"),
    "token with an unknown strategy": ("--cluster-seed=ch1-lucky-1", "*strategy='lucky' is not known; wanted one of *"),
    "token cut off": ("--cluster-seed=ch1-choices-eNp9js8K", "*is damaged*was it cut off when copied?*"),
    "no seeds": ("--cluster-seeds=0", "--cluster-seeds=0: wanted how many seeds to run, a whole number of at least 1"),
    "seeds are a range": ("--cluster-seeds=1-9", "--cluster-seeds=1-9: wanted how many seeds to run, *"),
    "unknown strategy": ("--cluster-strategy=lucky", "*strategy='lucky' is not known; wanted one of *random*"),
    "strategy without its number": ("--cluster-strategy=pct:x", "*wanted a whole number of at least 1 after the colon*"),
    "shard beyond the last": ("--cluster-shard=3/2", "--cluster-shard=3/2: wanted i/n with 1 <= i <= n, for example 2/4"),
    "shard counted from 0": ("--cluster-shard=0/2", "--cluster-shard=0/2: wanted i/n with 1 <= i <= n, for example 2/4"),
    "budget is a word": ("--cluster-budget=soon", "--cluster-budget=soon: wanted a span of real time such as 60s, 5m or 1h"),
    "no budget": ("--cluster-budget=0", "--cluster-budget=0: wanted a span of real time such as 60s, 5m or 1h"),
    "report is a file": ("--cluster-report=test_it.py", "--cluster-report=test_it.py: this is a file; wanted a folder*"),
    "report below a file": ("--cluster-report=test_it.py/out", "*this folder cannot be made (Not a directory); name another"),
    "report is empty": ("--cluster-report=", "--cluster-report=: this is nothing; wanted a folder*"),
}


@pytest.mark.parametrize(("option", "words"), OPTIONS.values(), ids=OPTIONS.keys())
def test_bad_option(run: Runner, option: str, words: str) -> None:
    """A bad value ends pytest before anything is collected, with one line that says what was wanted."""
    result = run(option)
    assert result.ret == USAGE
    result.stderr.fnmatch_lines([f"ERROR: {words}"])
    assert [line for line in result.errlines if line] == [result.errlines[0]]


def test_folder_that_cannot_be_written(project: pytest.Pytester, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report folder without the right to write is refused before an hour of tests."""
    project.mkdir("out").chmod(0o500)
    # The superuser may write everywhere.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    result = run("--cluster-report=out")
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(
        ["ERROR: --cluster-report=out: this folder cannot be written; change its permissions or name another"]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--cluster-sed=4",), "*error: unrecognized arguments: --cluster-sed=4"),
        (("--cluster-seeds",), "*error: argument --cluster-seeds: expected one argument"),
        (("--cluster-check-determinism=yes",), "*--cluster-check-determinism: ignored explicit argument 'yes'"),
        (("--cluster-seed=last", "--cluster-seeds=4"), "*--cluster-seed=last reruns the seeds that failed: it goes without*"),
        (
            ("--cluster-seed=ch1-random-2", "--cluster-seeds=4"),
            "*is a token, which is one run: it goes without --cluster-seeds=4",
        ),
    ],
)
def test_options_that_do_not_fit(run: Runner, arguments: tuple[str, ...], words: str) -> None:
    """A misspelt option, a missing value, options that contradict each other."""
    result = run(*arguments)
    assert result.ret == USAGE
    result.stderr.fnmatch_lines([words])


MARKERS = {
    "positional argument": ("cluster(5)", "@pytest.mark.cluster(5,) takes keyword arguments only: limits, mesos_version, *"),
    "unknown argument": ("cluster(sed=5)", "@pytest.mark.cluster(sed=...) is not known; wanted limits, mesos_version, *"),
    "bad strategy": ("cluster(strategy='lucky')", "*strategy='lucky' is not known; wanted one of *"),
    "bad number of seeds": ("cluster(seeds=-1)", "@pytest.mark.cluster(seeds=-1): wanted how many seeds to run, *"),
    "seeds are a list": ("cluster(seeds=[1, 2])", "*: wanted how many seeds to run, *"),
    "bad seed": ("cluster(seed='abc')", "@pytest.mark.cluster(seed='abc'): wanted a whole number, a token *"),
    "unknown release": ("cluster(mesos_version='9.9')", "*mesos_version='9.9' is not modelled; known are 1.0, *"),
    "limits are a number": ("cluster(limits=5)", "@pytest.mark.cluster(limits=5): wanted harness.Limits(...), for example *"),
    "misspelt": ("clutser(seeds=5)", "@pytest.mark.clutser is not known; did you mean @pytest.mark.cluster?"),
}


WITH_WORKERS = [pytest.param(*MARKERS[name], ("-n", "1"), id=f"{name}, xdist") for name in ("positional argument", "bad seed")]


@pytest.mark.parametrize(
    ("marker", "words", "workers"), [*(pytest.param(*pair, (), id=name) for name, pair in MARKERS.items()), *WITH_WORKERS]
)
@pytest.mark.filterwarnings("ignore:Unknown pytest.mark")
def test_bad_marker(project: pytest.Pytester, run: Runner, marker: str, words: str, workers: tuple[str, ...]) -> None:
    """A bad marker ends the session before any test, with one line that names the test; with workers as well."""
    project.makepyfile(test_it=f"import pytest\n\n@pytest.mark.{marker}\ndef test_marked(world):\n    pass\n")
    result = run(*workers)
    assert result.ret == USAGE
    lines = [line for line in (*result.outlines, *result.errlines) if line.startswith("ERROR")]
    assert len(lines) == 1
    pytest.LineMatcher(lines).fnmatch_lines([f"ERROR: test_it.py::test_marked: {words}"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_marker_without_effect(project: pytest.Pytester, run: Runner) -> None:
    """A number of seeds over a test that takes nothing of ours is refused; over a class it is no mistake."""
    project.makepyfile(test_it="import pytest\n\n@pytest.mark.cluster(seeds=9)\ndef test_plain(tmp_path):\n    pass\n")
    result = run()
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(["ERROR: test_it.py::test_plain: @pytest.mark.cluster(seeds=9) has no effect, *"])
    project.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.cluster(seeds=9)
        class TestIt:
            def test_plain(self):
                pass

            def test_ours(self, world):
                pass
        """
    )
    run().assert_outcomes(passed=2)


def test_fixture_of_a_wider_scope(project: pytest.Pytester, run: Runner) -> None:
    """A session's fixture cannot take a cluster: pytest names both and their scopes."""
    project.makepyfile(
        test_it="""
        import pytest

        @pytest.fixture(scope="session")
        def mine(cluster):
            return cluster

        def test_it(mine):
            pass
        """
    )
    result = run()
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(["ScopeMismatch: You tried to access the function scoped fixture cluster with a session scoped*"])


def test_fixture_called_directly(project: pytest.Pytester, run: Runner) -> None:
    """A fixture called like a function says that it is a fixture."""
    project.makepyfile(test_it="from harness_fixtures.fixtures import cluster\n\ndef test_it():\n    cluster()\n")
    result = run()
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(['*Fixture "cluster" called directly. *'])


def test_fixture_misspelt(project: pytest.Pytester, run: Runner) -> None:
    """A misspelt fixture fails the test, and the list of those that there are has the right one."""
    project.makepyfile(test_it="def test_it(clutser):\n    pass\n")
    result = run()
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(["*fixture 'clutser' not found", "*available fixtures: *cluster,*"])


def test_fixture_asked_for_too_late(project: pytest.Pytester, run: Runner) -> None:
    """A fixture asked for while the test runs serves one run; under many seeds it is refused, with what to do."""
    project.makepyfile(test_it="def test_it(request):\n    request.getfixturevalue('world').settle()\n")
    run().assert_outcomes(passed=1)
    result = run("--cluster-seeds=4")
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(
        ["E *MisuseError: test_it.py::test_it asks for a cluster fixture while it runs*take the fixture*"]
    )


def test_coroutine_without_a_plugin_for_it(project: pytest.Pytester, run: Runner) -> None:
    """A coroutine test fails with pytest's own advice, under one seed as under many."""
    project.makepyfile(test_it="async def test_it(world):\n    pass\n")
    for arguments in ((), ("--cluster-seeds=3",)):
        result = run("-p", "no:asyncio", "-p", "no:anyio", *arguments)
        assert result.ret == FAILED
        result.stdout.fnmatch_lines(["*async def functions are not natively supported.*"])


def token(run: Runner) -> str:
    """A token of recorded choices of the failing race."""
    import toys  # type: ignore[import-not-found]

    from harness import explore

    failure = explore(toys.orderly, seeds=9, strategy="random").failures[0]
    return str(failure.schedule.recorded(failure.choices).token)


def test_token_of_another_test(project: pytest.Pytester, run: Runner) -> None:
    """A token that fits another test says so instead of passing."""
    project.makepyfile(test_it="def test_empty(world):\n    pass\n\ndef test_other(cluster):\n    cluster.start_master()\n")
    for name in ("test_empty", "test_other"):
        result = run(f"test_it.py::{name}", f"--cluster-seed={token(run)}")
        assert result.ret == FAILED
        result.stdout.fnmatch_lines(
            ["E *the replay passed, and did not ask for 5 of the 5 choices in the token*of another test*"]
        )
        result.stdout.no_fnmatch_line("*runs.py:*")


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_token_for_several_tests(run: Runner, workers: tuple[str, ...]) -> None:
    """A token replays one test; if several are selected, they are named."""
    result = run(f"--cluster-seed={token(run)}", *workers)
    assert result.ret == USAGE
    pytest.LineMatcher([*result.outlines, *result.errlines]).fnmatch_lines(
        ["ERROR: --cluster-seed: this token replays one test, and 2 are selected (test_it.py::test_race, *); give the node id *"]
    )
    run(f"--cluster-seed={token(run)}", "-k", "race", *workers).assert_outcomes(failed=1, deselected=0 if workers else 1)


def test_nothing_remembered(run: Runner) -> None:
    """``last`` without a remembered failure runs each test once and says so, with the cache switched off as well."""
    words = "no failing seed is remembered of 2 of the tests (--cluster-seed=last): *"
    run("--cluster-seed=last").stdout.fnmatch_lines([words])
    run("--cluster-seed=last", "-p", "no:cacheprovider").stdout.fnmatch_lines([words])


@pytest.mark.parametrize("option", ["--cluster-budget=60s", "--cluster-shard=2/3"])
def test_option_for_sweeps_without_one(run: Runner, option: str) -> None:
    """An option that means nothing without many seeds says so; with them it is quiet."""
    words = f"{option} had no effect, for each test ran under one seed: add --cluster-seeds=N"
    run(option).stdout.fnmatch_lines([words])
    run(option, "--cluster-seeds=3").stdout.no_fnmatch_line("*had no effect*")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cluster_seeds = many", "*ini key cluster_seeds*: wanted *whole number*"),
        ("cluster_seeds = 0", "*ini key cluster_seeds = 0: wanted how many seeds to run*at least 1"),
        ("cluster_check_determinism = maybe", "*ini key cluster_check_determinism: wanted true or false*maybe*"),
        ("cluster_strategy = lucky", "*ini key cluster_strategy = lucky: strategy='lucky' is not known*"),
        ("cluster_sedes = 5", "*Unknown config option: cluster_sedes*"),
    ],
)
def test_bad_setting(project: pytest.Pytester, run: Runner, line: str, words: str) -> None:
    """A bad value, or with --strict-config a misspelt key, in the ini file names the key."""
    project.makeini(f"[pytest]\n{line}\n")
    result = run("--strict-config")
    assert result.ret == USAGE
    pytest.LineMatcher([*result.outlines, *result.errlines]).fnmatch_lines([words])


def test_plugin_switched_off(project: pytest.Pytester) -> None:
    """Without the plugin its fixtures are not found, and its options are unknown."""
    name = "cluster_harness" if INSTALLED else "harness_fixtures.plugin"
    result = project.runpytest("-p", f"no:{name}")
    assert result.ret == FAILED
    result.stdout.fnmatch_lines(["*fixture 'world' not found"])
    result = project.runpytest("-p", f"no:{name}", "--cluster-seeds=4")
    assert result.ret == USAGE
    result.stderr.fnmatch_lines(["*error: unrecognized arguments: --cluster-seeds=4"])


def test_without_loading_of_installed_plugins(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """With PYTEST_DISABLE_PLUGIN_AUTOLOAD the plugin is loaded by name, and works without the plugins beside it."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    assert project.runpytest_subprocess().ret == FAILED
    result = project.runpytest_subprocess("-p", "harness_fixtures.plugin", "--cluster-seeds=5")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["test_it.py::test_race: 3 of 5 seeds failed*"])


def test_without_the_plugins_beside_it(project: pytest.Pytester) -> None:
    """Blocking the plugins that we work together with breaks nothing."""
    others = ("-p", "no:timeout", "-p", "no:xdist", "-p", "no:pytest_mock")
    project.runpytest_subprocess(*PLUGIN, *others, "--cluster-seed=0").assert_outcomes(passed=2)
