"""The fixture ``wall_clock``: real time on the virtual clock."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Runner


def test_all_clocks_follow_every_advance(project: pytest.Pytester, run: Runner) -> None:
    """datetime, time.time, time.monotonic and time.time_ns show each move of the virtual clock, in the code under test too."""
    project.makepyfile(
        shop="""
        from datetime import datetime
        from time import monotonic, time

        def stamps():
            return datetime.now().timestamp(), time(), monotonic()
        """,
        test_it="""
        import datetime
        import time

        from harness import Process
        from shop import stamps

        def test_follow(wall_clock, clock):
            before, ns = stamps(), time.time_ns()
            for seconds in (1, 59, 3540):
                clock.advance(seconds)
            after = stamps()
            assert [round(b - a, 6) for a, b in zip(before, after)] == [3600.0] * 3
            assert time.time_ns() - ns == 3600 * 10**9
            assert datetime.datetime.now(datetime.UTC) == clock.now

        def test_in_a_handler(wall_clock, world):
            seen = []

            class Ticker(Process):
                def initialize(self):
                    self.delay("90secs", self.tick)

                def tick(self):
                    seen.append(time.time())

            began = time.time()
            world.spawn(Ticker("ticker"))
            world.run_for("100secs")
            assert seen == [began + 90]
            assert time.time() == began + 100

        def test_paused_and_jumping(wall_clock, clock):
            began = time.monotonic()
            clock.pause()
            assert time.monotonic() == began
            clock.jump("1hrs")
            assert time.monotonic() - began == 3600
        """,
    )
    run().assert_outcomes(passed=3)
    run("--cluster-seeds=3").assert_outcomes(passed=3)


def test_sleeping_for_real_is_refused(project: pytest.Pytester, run: Runner) -> None:
    """time.sleep fails the test with the place and the way out, however it was imported; other tests sleep as before."""
    project.makepyfile(
        shop="""
        import threading
        import time
        from time import sleep

        def by_name():
            sleep(3600)

        def by_module():
            time.sleep(3600)

        def elsewhere():
            thread = threading.Thread(target=lambda: sleep(0.001))
            thread.start()
            thread.join()
        """,
        test_it="""
        import time

        import pytest
        import shop
        from harness import Process

        def test_by_name(wall_clock):
            shop.by_name()

        def test_by_module(wall_clock):
            shop.by_module()

        def test_in_a_handler(wall_clock, world):
            class Sleeper(Process):
                def initialize(self):
                    time.sleep(5)

            world.spawn(Sleeper("sleeper"))
            world.settle()

        def test_harmless(wall_clock):
            time.sleep(0)
            shop.elsewhere()

        def test_without(clock):
            time.sleep(0.001)
            assert type(time.sleep).__name__ == "builtin_function_or_method"
            assert shop.sleep is time.sleep
        """,
    )
    for arguments in ((), ("--cluster-seeds=2",)):
        result = run(*arguments)
        result.assert_outcomes(failed=3, passed=2)
        words = "time.sleep(3600) at *shop.py:{}: under the fixture wall_clock *; let it pass with clock.advance(3600) or *"
        result.stdout.fnmatch_lines([f"E *MisuseError: {words.format(line)}" for line in (6, 9)])
        result.stdout.fnmatch_lines(["E *time.sleep(5) at *test_it.py:16: *"])
