"""All pictures of the documentation, drawn anew: `python docs/img/draw.py [graph run ...]`.

They show what the pipelines do now, so they are drawn by running them, in a folder that goes away:
`graph` without a run, `terminal` (needs tmux) from a run of placeholders, `run` from one of the
library `sim`, its questions and pictures on Prefect's page included, and `report` from another one
(both need chromium, and minutes); `form` from a deployment (needs chromium); `recipe` from that
with WSClean that self-calibrates (needs its programs).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FULL_CUBE = str(ROOT / "pipelines" / "full_cube.yaml")

# The terminal, and the browser of the tests.
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "support")]

from browser_support import Browser, browser  # noqa: E402  # found in the line above
from terminal import draw, keep, screen  # noqa: E402  # the same

# What of a run is shown: our name, and where among the products it is, the last of its kind.
PRODUCTS = {
    "sim-bandpass.png": "calibrate_bandpass/plot/*.png",
    "sim-gains.png": "calibrate_gains/plot/*.png",
    "sim-spectrum.png": "calibrate_target_and_find_continuum/spw*-0/plot/*.png",
    "sim-convergence.png": "image_continuum/first_image/convergence/*.png",
    "sim-continuum.png": "export/image.0*/quicklook/*.png",
    "sim-cube.png": "export/image.[1-9]*/quicklook/*.png",
}
# The same of the recipe with WSClean.
IMAGES = {
    "recipe-before.png": "first_image/measure/*.png",
    "recipe-after.png": "rounds.3/measure/*.png",
}


class Site:
    """A folder to run in, with a Prefect server of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        os.environ["RADPS_DAG_HOME"] = str(folder / "home")
        self.program = [sys.executable, "-m", "radps_dag"]

    def say(self, *arguments: str) -> str:
        command = [*self.program, *arguments]
        done = subprocess.run(  # noqa: S603  # the words are ours
            command, cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [*self.program, "run", *arguments, "--quiet"]
        return subprocess.Popen(command, cwd=self.folder)  # noqa: S603  # the words are ours

    def questions(self) -> list[dict[str, Any]]:
        if not (self.folder / ".radps" / "journal.db").exists():
            return []  # the run has not begun
        found: list[dict[str, Any]] = json.loads(self.say("questions", "--json"))
        return found


@contextmanager
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="radps-dag-pictures-") as folder:
        found = Site(Path(folder))
        found.say("server", "start")
        try:
            yield found
        finally:
            found.say("server", "stop", "--force")


def graph(site: Site) -> None:
    """The pipelines as graphs."""
    site.say("graph", FULL_CUBE, "--depth", "1", "-o", str(HERE / "graph-stages.png"))
    site.say("graph", FULL_CUBE, "--depth", "2", "-o", str(HERE / "graph-full-cube.png"))
    calibration = str(ROOT / "pipelines" / "calibration.yaml")
    site.say("graph", calibration, "-o", str(HERE / "graph-calibration.png"))


def terminal(site: Site) -> None:
    """A run in the terminal, while two stages image at the same time."""
    run = [*site.program, "run", FULL_CUBE, "--workspace", str(site.folder / "terminal")]
    shown = screen(run, 104, 31, 0.7, r"block +\S+ [01]/4")
    keep(draw(shown, 104, "radps-dag run pipelines/full_cube.yaml"), HERE / "terminal-run.png")


def run(site: Site) -> None:
    """What a run of the library `sim` makes, and shows on Prefect's page."""
    with browser(site.folder / "browser") as tab:
        process = site.begin(FULL_CUBE, "--library", "sim", "-p", "interactive=true")
        while not (asked := site.questions()):
            assert process.poll() is None, "the run has ended without a question"
            time.sleep(1)
        name = asked[0]["run"]
        page = _login(site, tab)
        _question(tab, page, _flow_run(site, name))
        while process.poll() is None:
            for one in site.questions():
                # Somebody may have been first: the run itself, which has ended.
                command = ("answer", name, one["place"], "-i", "action=finish")
                subprocess.run([*site.program, *command], cwd=site.folder, check=False)  # noqa: S603
            time.sleep(1)
        assert process.returncode == 0, "the run has failed"
        _pictures(tab, page)
        _events(tab, page, name)
    _keep(site, name, PRODUCTS)


def _keep(site: Site, name: str, pictures: Mapping[str, str]) -> None:
    products = site.folder / ".radps" / "runs" / name / "products"
    for ours, theirs in pictures.items():
        shutil.copy(max(products.glob(theirs), key=str), HERE / ours)


def recipe(site: Site) -> None:
    """Images of the recipe with WSClean, before self-calibration and after its last round."""
    file = str(ROOT / "pipelines" / "programs" / "wsclean_selfcal.yaml")
    site.say("run", file, "--no-prefect", "--quiet")
    _keep(site, json.loads(site.say("runs", "--json"))[0]["run"], IMAGES)


def form(site: Site) -> None:
    """The form of a deployment on Prefect's page."""
    calibration = str(ROOT / "pipelines" / "calibration.yaml")
    deployed = site.say("deploy", calibration, "-p", "spws=0,1").split()
    address = deployed[deployed.index("page") + 1]
    with browser(site.folder / "browser-of-form") as tab:
        page = _login(site, tab)
        deployment = address.partition("#")[0].rpartition("/")[2]
        tab.open(f"{page}/deployments/deployment/{deployment}/run")
        tab.wait_for("Factor on the simulated cost")
        tab.shot(HERE / "prefect-form.png", 1100, 1480)


def report(site: Site) -> None:
    """The report of a run of the library `sim`, which stays in a folder if one is named."""
    site.say("run", FULL_CUBE, "--library", "sim", "--no-prefect", "--quiet")
    folder = Path(os.environ.get("RADPS_DAG_EXAMPLE_REPORT") or site.folder / "report")
    site.say("report", "-o", str(folder))
    pages(folder, site.folder / "browser-of-report")


def pages(folder: Path, profile: Path) -> None:
    """Pictures of a report: its summary, a stage, the timeline."""
    with browser(profile) as tab:
        for name, page, height in (
            ("report-summary.png", "index.html", 760),
            ("report-stage.png", "stage-09-image_continuum.html", 1000),
            ("report-timeline.png", "timeline.html", 1000),
        ):
            tab.open((folder / page).as_uri())
            tab.wait("document.readyState === 'complete'")
            tab.shot(HERE / name, 1100, height)


def _login(site: Site, tab: Browser) -> str:
    """Log in; the address of the page."""
    lines = site.say("server", "status", "--show-auth").splitlines()
    address = next(line.split()[-1] for line in lines if line.startswith("log in"))
    tab.open(address)
    tab.wait_for("Event Feed")
    url = urlsplit(address)
    return f"{url.scheme}://{url.netloc}"


def _flow_run(site: Site, run: str) -> str:
    said = site.say("show", run)
    return said.partition("flow run ")[2].split()[0]


def _question(tab: Browser, page: str, flow_run: str) -> None:
    tab.open(f"{page}/runs/flow-run/{flow_run}")
    tab.press("Resume")
    tab.wait("[...document.querySelectorAll('.p-modal img')].some(one => one.naturalWidth > 0)")
    tab.shot(HERE / "prefect-question.png", 1100, 1000)


def _pictures(tab: Browser, page: str) -> None:
    # The list of a flow run's artifacts shows the first of many; each has a page of its own, too.
    tab.open(f"{page}/artifacts/key/pictures-image-continuum")
    links = "[...document.querySelectorAll('a[href*=\"/artifacts/artifact/\"]')]"
    tab.open(str(tab.wait(f"{links}[0]?.href")))
    tab.wait("[...document.images].some(one => one.alt === 'picture' && one.naturalWidth > 0)")
    tab.shot(HERE / "prefect-pictures.png", 1200, 1150)


def _events(tab: Browser, page: str, run: str) -> None:
    tab.open(f"{page}/events?resource=radps.run.{run}")
    tab.wait_for("Radps run succeeded")
    tab.shot(HERE / "prefect-events.png", 1100, 900)


def main() -> None:
    kinds = {
        "graph": graph,
        "terminal": terminal,
        "run": run,
        "form": form,
        "report": report,
        "recipe": recipe,
    }
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kinds", nargs="*", choices=[*kinds, []], help="which; all by default")
    given = parser.parse_args()
    with site() as here:
        for kind in given.kinds or kinds:
            kinds[kind](here)


if __name__ == "__main__":
    main()
