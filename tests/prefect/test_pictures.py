"""Pictures and other products of a run on Prefect's page: shown in place, opened by links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from asking_support import Page, going
from browser_support import CHROMIUM, Browser, browser
from picture_workloads import sky
from repository import SUPPORT
from run_support import Api, Ran, record_of, run, until, write

from radps_dag.facts import Made, NodeSucceeded
from radps_dag.prefect.image_artifacts import MOST_OF_STAGE, Gallery
from radps_dag.prefect.pictures import LARGEST, Picture, SeenPicture, sources
from radps_dag.prefect.server import ServerAddress, client_environment
from radps_dag.prefect.server.links import no_link

WORKLOADS = ("--workloads", str(SUPPORT / "picture_workloads.py"))

PICTURES = """
stages:
  image:
    steps:
      clean:
        loop: {max_iterations: 13, until: "${{ steps.cycle.value >= 13 }}"}
        steps: {cycle: {run: quicklook, with: {value: "${{ loop.index }}"}}}
        outputs: {value: "${{ steps.cycle.value }}"}
      final: {needs: [clean], run: quicklook, with: {large: true}}
      again: {run: hand_on, with: {picture: "${{ steps.final.picture }}"}}
    outputs: {picture: "${{ steps.final.picture }}"}
  store: {run: store}
  wrong: {run: broken}
  poor:
    run: quicklook
    with: {value: 40}
    qa: {metrics: {depth: {score: 0.1}}, alert_below: 0.5, on_alert: fail}
    on_error: continue
"""

ASKING = """
stages:
  image: {run: quicklook, with: {large: true}}
  store: {run: store}
  look:
    pause:
      message: fine?
      show: ["${{ stages.image.picture }}", "${{ stages.store.store }}"]
"""

Artifacts = Mapping[str, Mapping[str, Any]]


def artifacts_of(ran: Ran, server: ServerAddress) -> Artifacts:
    found = Api(server).artifacts(record_of(ran, server))
    keys = [one["key"] for one in found]
    assert len(keys) == len(set(keys)), "one artifact is brought up to date, not made again"
    return {one["key"]: one for one in found}


def links_in(text: str) -> list[str]:
    return re.findall(r"\]\((/radps/products/[^)]+)\)", text)


def shown_in(text: str) -> list[str]:
    """The sources of the images in Markdown."""
    return re.findall(r"!\[picture\]\(([^)]+)\)", text)


@pytest.fixture(scope="module")
def ran(prefect_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("pictures")
    done = run(write(folder / "pictures.yaml", PICTURES), *WORKLOADS, cwd=folder)
    assert done.code == 0, done.err
    return done


@pytest.fixture(scope="module")
def artifacts(ran: Ran, prefect_server: ServerAddress) -> Artifacts:
    return artifacts_of(ran, prefect_server)


def test_the_page_of_a_stage(artifacts: Artifacts) -> None:
    """A stage has one page with its newest pictures in the order in which they were made, small
    ones in place and a large one by its link; it says how many came before, and where they are. A
    picture that is handed on is there once."""
    page = artifacts["pictures-image"]
    assert (page["type"], page["description"]) == ("markdown", "Pictures of image: 14")
    text = page["data"]
    names = re.findall(r"^\*\*(.+?)\*\* \(\[open\]", text, re.MULTILINE)
    assert names == [
        *(rf"image/clean\#{number}/cycle/sky.png" for number in range(3, 14)),
        "image/final/large.png",
    ]
    assert "2 earlier pictures are not shown: [all of them](/radps/products/" in text
    images = shown_in(text)
    assert len(images) == MOST_OF_STAGE
    assert images[-1].startswith("/radps/products/") and images[-1].endswith("/large.png")
    assert images[-2].startswith("data:image/png;base64,iVBOR")


def test_pictures_by_themselves(artifacts: Artifacts) -> None:
    """Each picture is an image artifact; of a loop there is one, with the newest iteration."""
    alone = {key: one for key, one in artifacts.items() if key.startswith("picture-")}
    assert {key: one["description"] for key, one in alone.items()} == {
        "picture-image-clean-cycle-sky-png": r"image/clean\#13/cycle/sky.png",
        "picture-image-final-large-png": "image/final/large.png",
        "picture-poor-sky-png": "poor/sky.png",
    }
    assert {one["type"] for one in alone.values()} == {"image"}
    assert all(one["data"].startswith("/radps/products/") for one in alone.values())


def test_what_no_page_shows_in_place(artifacts: Artifacts) -> None:
    """A plot that is no PNG has a link, and its name is no markup; what is a picture but by its
    name, and a product of another kind, are not there."""
    text = artifacts["pictures-store"]["data"]
    assert r"**store/uv \<b\>plot.pdf** ([open](/radps/products/" in text
    assert shown_in(text) == [] and "zarr" not in text and "scores" not in text
    assert "pictures-wrong" not in artifacts


def test_who_opens_a_link(artifacts: Artifacts, prefect_server: ServerAddress, ran: Ran) -> None:
    """What a link opens is the product, for a browser whose page has logged in, and for nobody
    else; when the product is gone, the answer says so."""
    user, _, password = prefect_server.auth_string.partition(":")
    link = prefect_server.ui_url + artifacts["picture-poor-sky-png"]["data"]
    picture = next(ran.directory.glob("products/poor*/sky.png"))
    stranger = httpx.get(link)
    assert (stranger.status_code, b"PNG" in stranger.content) == (401, False)
    with httpx.Client(headers={"sec-fetch-site": "same-origin"}) as page:
        assert page.get(link).status_code == 401
        asked = page.get(f"{prefect_server.api_url}/admin/version", auth=(user, "wrong"))
        assert (asked.status_code, len(page.cookies)) == (401, 0)
        page.get(f"{prefect_server.api_url}/admin/version", auth=(user, password))
        opened = page.get(link)
        assert (opened.status_code, opened.content) == (200, picture.read_bytes())
        api = page.get(f"{prefect_server.api_url}/admin/version")
        assert api.status_code == 401, "the cookie opens products alone"
        moved = picture.rename(picture.with_name("elsewhere.png"))
        assert page.get(link).status_code == 404
        moved.rename(picture)
    # A program gives the password.
    assert httpx.get(link, auth=(user, password)).status_code == 200
    folder = links_in(artifacts["pictures-image"]["data"])[0]
    listing = httpx.get(prefect_server.ui_url + folder, auth=(user, password))
    assert listing.status_code == 200 and ">final/</a>" in listing.text


def test_the_report_of_the_run(
    artifacts: Artifacts, prefect_server: ServerAddress, ran: Ran
) -> None:
    """A run's page links to its report, which the server makes for who has logged in; an address
    that no run gave is not there, and a stranger sees nothing."""
    user, _, password = prefect_server.auth_string.partition(":")
    (address,) = re.findall(r"\]\((/radps/reports/[^)]+)\)", artifacts["report"]["data"])
    assert httpx.get(prefect_server.ui_url + address).status_code == 401
    report = httpx.get(prefect_server.ui_url + address, auth=(user, password), timeout=120)
    assert (report.status_code, ran.directory.name in report.text) == (200, True)
    for name in ("../" * 6 + "etc/passwd", "%2e%2e/workers.log"):
        other = prefect_server.ui_url + address.replace("index.html", name)
        assert httpx.get(other, auth=(user, password)).status_code in (404, 401)
    hostile = f"{prefect_server.ui_url}/radps/reports/{ran.directory.name}/index.html"
    assert httpx.get(hostile, auth=(user, password)).status_code == 404


def test_what_is_used_again_is_shown_by_links(
    artifacts: Artifacts, ran: Ran, prefect_server: ServerAddress
) -> None:
    """The page of a second run shows what it uses of the first one, whose page has it in place."""
    folder = ran.workspace.parent
    again = run(folder / "pictures.yaml", *WORKLOADS, cwd=folder)
    assert [fact for fact in again.of("node_started", "image") if fact["origin"]]
    found = artifacts_of(again, prefect_server)
    images = shown_in(found["pictures-image"]["data"])
    assert len(images) == MOST_OF_STAGE
    assert all(source.startswith("/radps/products/") for source in images)
    alone = "picture-image-final-large-png"
    assert found[alone]["data"] == artifacts[alone]["data"]


def test_no_links_to_a_server_of_somebody_else(
    prefect_server: ServerAddress, tmp_path: Path
) -> None:
    """Where the environment names the server, small pictures are in place and large ones named."""
    file = write(tmp_path / "elsewhere.yaml", PICTURES)
    ran = run(file, *WORKLOADS, cwd=tmp_path, env=client_environment(prefect_server))
    found = artifacts_of(ran, prefect_server)
    assert not any(key.startswith("picture-") for key in found)
    assert "/radps/products/" not in str(dict(found))
    text = found["pictures-image"]["data"]
    assert len(shown_in(text)) == MOST_OF_STAGE - 1
    large = next(ran.directory.glob("products/image/final*/large.png"))
    assert f"**image/final/large.png**\n\n`{large.as_uri()}`" in text


def test_how_much_is_in_place(tmp_path: Path) -> None:
    """What has no link is in place up to the limit for one picture; of what has one, the newest
    are, as far as a page has room."""
    path = tmp_path / "picture.png"
    path.write_bytes(sky(8, 8, 0))

    def one(size: int, link: str = "/l", *, image: bool = True, again: bool = False) -> SeenPicture:
        return SeenPicture(Picture("a", path.as_uri(), again), link, image=image, size=size)

    def places(*pictures: SeenPicture) -> list[str]:
        return [source.partition(":")[0] for source in sources(pictures)]

    half = LARGEST // 2
    assert places(one(half), one(half), one(half)) == ["/l", "data", "data"]
    assert places(one(10), one(LARGEST + 1), one(half)) == ["data", "/l", "data"]
    assert places(one(half, ""), one(half, ""), one(half, "")) == ["data"] * 3
    assert places(one(LARGEST + 1, "")) == [""]
    assert places(one(10, again=True), one(10, image=False)) == ["/l", ""]


def test_what_has_no_pictures_wakes_nobody() -> None:
    """A call that made nothing to look at, or what is known already, is no news."""
    gallery = Gallery(no_link)

    def ended(made: Made | None, **outputs: object) -> NodeSucceeded:
        return NodeSucceeded(time=0, place="a/b", outputs=outputs, seconds=0, made=made)

    made = Made(key="k", workdir="file:///w", files={"t.json": (1, "d")})
    assert not gallery.on_fact(ended(made, value=1, table={"uri": "file:///t", "kind": "table"}))
    plot = {"uri": "file:///w/plot.png", "kind": "plot"}
    assert not gallery.on_fact(ended(None, picture=plot))  # a group, whose calls have said so
    assert not gallery.waits
    assert gallery.on_fact(ended(made, pictures=[{"of": plot}]))
    assert not gallery.on_fact(ended(made, picture=plot))
    assert gallery.waits


def logged_in(tab: Browser, server: ServerAddress) -> None:
    tab.open(server.login_url)
    tab.wait_for("Event Feed")


LOADED = "(i => i.length > 0 && i.every(one => one.complete && one.naturalWidth > 0))"


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium to open the page with")
def test_in_a_browser(artifacts: Artifacts, prefect_server: ServerAddress, tmp_path: Path) -> None:
    """A person who has logged in sees the pictures of a stage, in place and by their links, and a
    picture by itself; a stranger's browser gets none."""
    page = f"{prefect_server.ui_url}/artifacts/artifact"
    with browser(tmp_path / "profile") as tab:
        logged_in(tab, prefect_server)
        tab.open(f"{page}/{artifacts['pictures-image']['id']}")
        images = "[...document.images].filter(one => one.alt === 'picture')"
        tab.wait(f"{images}.length === {MOST_OF_STAGE} && {LOADED}({images})")
        assert tab.run(f"{images}.at(-1).naturalWidth") == 600
        tab.open(f"{page}/{artifacts['picture-image-final-large-png']['id']}")
        tab.wait("[...document.images].some(one => one.naturalWidth === 600)")
        address = artifacts["report"]["data"].partition("](")[2].rstrip(")")
        tab.open(prefect_server.ui_url + address)
        tab.wait_for("Summary")
        tab.wait(f"[...document.images].length === 0 || {LOADED}([...document.images])")
    with browser(tmp_path / "stranger") as tab:
        tab.open(prefect_server.ui_url + address)
        tab.wait_for("Log in first")
        tab.open(prefect_server.ui_url + artifacts["picture-image-final-large-png"]["data"])
        tab.wait_for("Log in first")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium to open the page with")
def test_the_evidence_of_a_question(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """The form of a question shows a large picture, and its links open what it shows: a store as a
    listing, whose links lead on."""
    page = Page(prefect_server)
    file = write(tmp_path / "asking.yaml", ASKING)
    with (
        going("run", str(file), *WORKLOADS, folder=tmp_path) as asking,
        browser(tmp_path / "profile") as tab,
    ):
        words = page.form(asking.flow_run, "description")
        picture, store = links_in(words)[:2]
        assert (picture.endswith("/large.png"), store.endswith("/vis.zarr")) == (True, True)
        logged_in(tab, prefect_server)
        tab.open(f"{prefect_server.ui_url}/runs/flow-run/{asking.flow_run}")
        tab.press("Resume")
        shown = "[...document.querySelectorAll('.p-modal article img')]"
        tab.wait(f"{LOADED}({shown})")
        assert tab.run(f"{shown}.map(one => one.naturalWidth).join()") == "600"
        words = "document.querySelector('.p-modal article')"
        # However low the screen is, the evidence does not give way to the fields.
        assert tab.run(f"{words}.scrollHeight - {words}.clientHeight") <= 1
        assert tab.run(f"{words}.clientHeight > innerHeight / 2")
        # In this tab, which the test can see; the page itself opens another one.
        link = "[...document.querySelectorAll('.p-modal article a')].at(1)"
        tab.run(f"{link}.target = '_self', {link}.click()")
        tab.wait("document.title === 'vis.zarr'")
        assert "zarr.json" in tab.text
        tab.run("document.querySelector('td a').click()")  # a link of a sandboxed page
        tab.wait("document.title === 'c'")
        assert "1.0 kB" in tab.text
        page.resume(asking.flow_run)
        assert until(lambda: asking.end()["status"] == "succeeded")
