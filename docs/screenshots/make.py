"""Make the pictures of this folder: the page of a failure, the page beside its passing run, and a plot of allocations.

    python -m docs.screenshots.make [--pages-only] [FOLDER]      (in the root of the repository)

Everything in them comes from fixed seeds, so they change only when the pages do. A Chromium that is installed already is used
(``HARNESS_CHROMIUM`` names another one); ``--pages-only`` writes the HTML pages and needs none.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from examples.mesos_ticket.test_single_framework import test_strict
from harness import Cluster, Resources, explore, make_task
from harness.mesos.messages import Offer
from harness.report.allocation import allocation_page
from harness.report.document import document_of
from harness.report.failure_files import explained
from harness.report.page import page

HERE = Path(__file__).resolve().parent
SEED = 18
TEST = "examples/mesos_ticket/test_single_framework.py::test_strict"
REPLAY = f"pytest {TEST} --cluster-seed={SEED}"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

# Name of the picture, its page, the size of the window, the scheme of colours.
PICTURES = (
    ("failure", "failure", (1400, 860), "light"),
    ("side-by-side", "side-by-side", (1400, 920), "light"),
    ("side-by-side-dark", "side-by-side", (1400, 920), "dark"),
    ("allocation", "allocation", (1000, 940), "light"),
)


class Greedy:
    """A scheduler that turns each offer into a task of a fixed size and length, until it has had enough."""

    def __init__(self, resources: str, seconds: int, tasks: int) -> None:
        self.resources = Resources.parse(resources)
        self.seconds = seconds
        self.tasks = tasks

    def resource_offers(self, driver: Any, offers: Sequence[Offer]) -> None:
        """Take a part of each offer; the rest goes back, and is offered to others."""
        for offer in offers:
            if not self.tasks or not self.fits(offer.resources):
                driver.decline_offer(offer.id, refuse_seconds=1)
                continue
            self.tasks -= 1
            task = make_task(
                offer, self.resources, task_id=f"task-{self.tasks}", command=f"sleep {self.seconds + self.tasks % 7}"
            )
            driver.launch_tasks([offer.id], [task], refuse_seconds=1)

    def fits(self, offered: Resources) -> bool:
        """Whether a task can be made of it."""
        return offered.cpus >= self.resources.cpus and offered.mem >= self.resources.mem

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments: None


def three_frameworks() -> str:
    """Three frameworks in two roles share four agents for some minutes; an agent is lost on the way."""
    with Cluster(seed=SEED) as cluster:
        master = cluster.start_master()
        agents = [cluster.start_agent("cpus:8;mem:16384") for _ in range(4)]
        cluster.wait(lambda: all(agent.id for agent in agents))
        master.update_weights({"web": 2.0})
        cluster.start_framework(Greedy("cpus:1;mem:1024", 25, 150), name="shop", roles=("web",))
        cluster.run_for("30secs")
        cluster.start_framework(Greedy("cpus:2;mem:2048", 20, 60), name="nightly", roles=("batch",))
        cluster.run_for("40secs")
        cluster.start_framework(Greedy("cpus:1;mem:4096", 15, 90), name="search", roles=("web",))
        cluster.run_for("40secs")
        agents[0].shutdown()
        cluster.run_for("110secs")
        return allocation_page(cluster.trace, "Three frameworks in two roles")


def pages() -> dict[str, str]:
    """The pages by their names, as HTML."""
    (failure,) = explore(test_strict, seeds=[SEED], strategy="random").failures
    explanation = failure.shrink().explain()
    failing = document_of(failure.run, test=TEST, replay=REPLAY)
    return {
        "failure": page(failing),
        "side-by-side": page(explained(failing, explanation, TEST)),
        "allocation": three_frameworks(),
    }


def take(folder: Path, made: dict[str, str]) -> list[Path]:
    """Photograph the pages.

    Raises:
        SystemExit: no Chromium or no playwright is installed.
    """
    found = os.environ.get("HARNESS_CHROMIUM") or next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise SystemExit("no Chromium is installed: install one, name it in HARNESS_CHROMIUM, or use --pages-only")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise SystemExit("playwright is not installed: pip install playwright (it needs no browser of its own)") from None
    taken = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu", "--no-first-run"])
        for name, source, (width, height), scheme in PICTURES:
            html = Path(scratch, f"{source}.html")
            html.write_text(made[source], "utf-8")
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, offline=True, reduced_motion="reduce"
            )
            opened = context.new_page()
            opened.goto(html.as_uri())
            opened.wait_for_timeout(300)
            path = folder / f"{name}.png"
            opened.screenshot(path=path)
            taken.append(path)
            context.close()
        browser.close()
    return taken


def main() -> None:
    """Read the command line, make the pages, photograph them."""
    parser = argparse.ArgumentParser(description="Make the pictures of the documentation.")
    parser.add_argument("folder", nargs="?", type=Path, default=HERE, help="where to write them (default: beside this script)")
    parser.add_argument("--pages-only", action="store_true", help="write the HTML pages instead of pictures of them")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    if options.pages_only:
        written = [options.folder / f"{name}.html" for name in made]
        for path, html in zip(written, made.values(), strict=True):
            path.write_text(html, "utf-8")
    else:
        written = take(options.folder, made)
    for path in written:
        print(f"{path}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
