"""Options, ini keys, the marker: what wins, and what is refused."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Runner

SHOW_SEED = """
    import pytest

    def test_seed(world, seed):
        print(f"seed={seed} strategy={world.strategy}")

    @pytest.mark.cluster(seed=5, strategy="prompt")
    def test_marked(world, seed):
        print(f"seed={seed} strategy={world.strategy}")
"""


def test_without_options_a_test_runs_once(run: Runner) -> None:
    """Without options each test runs once, under a seed made from its node id, and the header says so."""
    first, second = run("-rA"), run("-rA")
    first.stdout.fnmatch_lines(["cluster-harness: one run a test, under a seed made from its node id"])
    assert first.parseoutcomes() == second.parseoutcomes()


def test_seed_depends_on_the_node_id_only(project: pytest.Pytester, run: Runner) -> None:
    """The seed of a test does not move when tests are added before it."""
    body = "def test_seed(seed):\n    print(f'seed={seed}')\n"
    project.makepyfile(test_it=body)
    before = [line for line in run("-s").outlines if line.startswith("seed=") or " seed=" in line]
    project.makepyfile(test_it="def test_other(seed):\n    pass\n" + body)
    after = [line for line in run("-s").outlines if "seed=" in line]
    assert before[0].split("seed=")[1].split(".")[0] == after[0].split("seed=")[1].split(".")[0]


def test_header_is_the_options_to_paste(run: Runner) -> None:
    """The header shows the options in force as they would be typed."""
    result = run("--cluster-seeds=3", "--cluster-strategy=prompt", "--cluster-shard=1/2", "--cluster-budget=60s")
    result.stdout.fnmatch_lines(
        ["cluster-harness: --cluster-seeds=3 --cluster-strategy=prompt --cluster-shard=1/2 --cluster-budget=60s"]
    )


def test_order_is_command_line_marker_ini(project: pytest.Pytester, run: Runner) -> None:
    """The command line wins over the marker, the marker over the ini file."""
    project.makepyfile(test_it=SHOW_SEED)
    project.makeini("[pytest]\ncluster_seed = 3\ncluster_strategy = random\n")
    run("-rA").stdout.fnmatch_lines_random(["seed=3 strategy=random", "seed=5 strategy=prompt"])
    lines = run("-rA", "--cluster-seed=9", "--cluster-strategy=random").outlines
    assert lines.count("seed=9 strategy=random") == 2


def test_ini_file_can_ask_for_a_sweep(project: pytest.Pytester, run: Runner) -> None:
    """``cluster_seeds`` in the ini file makes every test sweep, and a seed on the command line still means one run."""
    project.makeini("[pytest]\ncluster_seeds = 50\n")
    run().stdout.fnmatch_lines(["2 tests, 100 seeds*", "*lowest failing seed 2"])
    run("--cluster-seed=0").assert_outcomes(passed=2)
    run("--cluster-seed=2").assert_outcomes(passed=1, failed=1)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--cluster-seed=many", "*--cluster-seed=many: wanted a whole number, a token*"),
        ("--cluster-seed=ch9-random-1", "*format 'ch9'*"),
        ("--cluster-seeds=0", "*--cluster-seeds=0: wanted how many seeds*"),
        ("--cluster-seeds=ten", "*--cluster-seeds=ten: wanted how many seeds*"),
        ("--cluster-strategy=lucky", "*--cluster-strategy=lucky: strategy='lucky' is not known; wanted one of *random*"),
        ("--cluster-shard=3/2", "*--cluster-shard=3/2: wanted i/n*"),
        ("--cluster-budget=soon", "*--cluster-budget=soon: wanted a span of real time*"),
        ("--cluster-report=test_it.py", "*--cluster-report=test_it.py: this is a file*"),
    ],
)
def test_bad_option_is_one_clear_line(run: Runner, option: str, words: str) -> None:
    """A bad value ends pytest at once with exit code 4 and one line that says what was wanted."""
    result = run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([words])
    assert len(result.errlines) <= 2


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("cluster(5)", "*takes keyword arguments only: limits, mesos_version, seed, seeds, strategy*"),
        ("cluster(sed=5)", "*(sed=...) is not known*"),
        ("cluster(strategy='lucky')", "*strategy='lucky' is not known*"),
        ("cluster(seeds=-1)", "*wanted how many seeds*"),
    ],
)
def test_bad_marker_is_refused_before_any_test(project: pytest.Pytester, run: Runner, marker: str, words: str) -> None:
    """A bad marker is a usage error that names the test."""
    project.makepyfile(test_it=f"import pytest\n\n@pytest.mark.{marker}\ndef test_marked(world):\n    pass\n")
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: test_it.py::test_marked{words}"])


def test_marker_can_ask_for_seeds_and_limits(project: pytest.Pytester, run: Runner) -> None:
    """The marker gives one test its own number of seeds and its own limits."""
    project.makepyfile(
        test_it="""
        import pytest
        from harness.simulation import Limits
        from toys import patient

        @pytest.mark.cluster(seeds=20)
        def test_many(world):
            patient(world)

        @pytest.mark.cluster(limits=Limits(steps=3))
        def test_short(world):
            patient(world)
        """
    )
    result = run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*steps=3*", "1 test, 20 seeds*"])
