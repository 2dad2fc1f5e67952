"""Products on the local server's own path: who may see which, and what a browser makes of them."""

from __future__ import annotations

import asyncio
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from event_workloads import png

from radps_dag.prefect.server.links import KEPT, PRODUCTS_PATH, Links, Table
from radps_dag.prefect.server.products import MOST_LISTED, Products
from radps_dag.prefect.server.visitors import Visitors

AUTH = "radps:secret"
LOGGED_IN = [(b"authorization", b"Basic cmFkcHM6c2VjcmV0")]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A workspace's runs, with products of one of them, and what is not to be seen."""
    products = tmp_path / "runs" / "r1" / "products"
    (products / "image").mkdir(parents=True)
    (products / "image" / "sky.png").write_bytes(png(160, 90))
    (tmp_path / "runs" / "r1" / "workers.log").write_text("private")
    (tmp_path / "outside.txt").write_text("private")
    return tmp_path / "runs"


def table(runs: Path, auth: str = AUTH) -> Table:
    return Table(runs.parent / "table", auth)


def links(runs: Path) -> Links:
    return Links(table(runs), runs, "products")


def link(path: Path) -> str:
    """The address of a product, however deep it is in the products of r1."""
    runs = next(one for one in path.parents if one.name == "runs")
    found = links(runs).of(path.as_uri())
    assert found
    return found


@dataclass
class Ask:
    """What is answered."""

    app: Any

    def __call__(
        self,
        address: str,
        method: str = "GET",
        auth: str = AUTH,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """To somebody who logs in with this password ("" for none)."""
        user, _, password = auth.partition(":")

        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
                given = (user, password) if auth else None
                return await client.request(method, address, headers=headers, auth=given)

        return asyncio.run(answer())

    def as_sent(self, raw: bytes) -> tuple[int, bytes]:
        """To a path that a program sends as it is, logged in."""
        given: list[Any] = []

        async def send(message: Any) -> None:
            given.append(message)

        async def receive() -> Any:
            return {"type": "http.request"}

        scope = {"type": "http", "method": "GET", "raw_path": raw, "path": "", "headers": LOGGED_IN}
        asyncio.run(self.app(scope, receive, send))
        return given[0]["status"], b"".join(one.get("body", b"") for one in given[1:])


@pytest.fixture
def ask(runs: Path) -> Ask:
    return Ask(Products(Visitors(AUTH), table(runs)))


def test_a_picture_is_shown(ask: Ask, runs: Path) -> None:
    """A link of a run opens its picture, as one, in a sandbox."""
    path = runs / "r1" / "products" / "image" / "sky.png"
    answer = ask(link(path))
    assert (answer.status_code, answer.content) == (200, path.read_bytes())
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith("inline")
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_who_has_not_logged_in_sees_nothing(ask: Ask, runs: Path) -> None:
    """A link alone opens nothing, nor with a wrong password or cookie; with the right cookie it
    opens. What is said is how to get in, and the same whether the file is there or not."""
    address = link(runs / "r1" / "products" / "image" / "sky.png")
    scope = {"headers": [(b"sec-fetch-site", b"same-origin"), *LOGGED_IN]}
    (_, cookie), _ = Visitors(AUTH).cookie(scope)
    good = cookie.decode().partition(";")[0]
    name = good.partition("=")[0]
    refused = [
        ask(address, auth=""),
        ask(address, auth="radps:other"),
        ask(address, auth="", headers={"cookie": f"{name}=0"}),
        ask(address.replace("sky", "none"), auth=""),
    ]
    assert {answer.status_code for answer in refused} == {401}
    assert {answer.text for answer in refused} == {refused[0].text}
    assert "server status --show-auth" in refused[0].text
    assert ask(address, auth="", headers={"cookie": f"a=b; {good}"}).status_code == 200


def test_an_address_that_no_run_gave(ask: Ask, runs: Path) -> None:
    """Whoever has logged in still opens only what a run has named with the server's password: not
    by a token that is made up, nor by an entry in the table that is not ours, nor a path as one."""
    path = runs / "r1" / "products" / "image" / "sky.png"
    token = link(path).removeprefix(PRODUCTS_PATH).split("/")[0]
    other = Links(table(runs, "radps:other"), runs, "products").of(path.as_uri())
    forged = runs.parent / "table" / ("A" * 16)
    forged.write_text(str(runs))
    for address in (
        other,
        f"{PRODUCTS_PATH}{'A' * 16}/r1/workers.log",
        f"{PRODUCTS_PATH}{'B' * 16}/r1/workers.log",
        f"{PRODUCTS_PATH}{token[:-1]}/image/sky.png",
        f"{PRODUCTS_PATH}..%2F{token}/image/sky.png",
        f"{PRODUCTS_PATH}{token}%00/image/sky.png",
        f"/radps%2Fproducts/{token}/image/sky.png",
        PRODUCTS_PATH,
    ):
        answer = ask(address)
        assert (answer.status_code, "private" in answer.text) == (404, False), address
        assert "radps-dag show RUN" in answer.text


def test_addresses_are_kept_while_they_are_used(ask: Ask, runs: Path) -> None:
    """The table forgets what nobody has named for long, and nothing else."""
    picture = runs / "r1" / "products" / "image" / "sky.png"
    address = link(picture)
    (entry,) = (runs.parent / "table").iterdir()
    os.utime(entry, (0, time.time() - KEPT - 60))
    assert link(picture) == address  # named again: in use
    table(runs).forget()
    assert ask(address).status_code == 200
    os.utime(entry, (0, time.time() - KEPT - 60))
    table(runs).forget()
    assert ask(address).status_code == 404
    assert link(picture) == address and ask(address).status_code == 200


@pytest.mark.parametrize(
    "way",
    [
        b"../workers.log",
        b"%2e%2e/workers.log",
        b"..%2fworkers.log",
        b"image/../../workers.log",
        b"image/%2e%2e/%2e%2e/%2e%2e/%2e%2e/outside.txt",
        b"./image/sky.png",
        b"image//sky.png",
        b"%2fetc%2fpasswd",
        b"/etc/passwd",
        b"image/sky.png%00.txt",
        b"image%5c..%5c..%5cworkers.log",
    ],
)
def test_no_way_out_of_the_products(way: bytes, ask: Ask, runs: Path) -> None:
    """However a path is written, it leads to names below the folder or nowhere."""
    folder = link(runs / "r1" / "products" / "x").removesuffix("x").encode()
    status, body = ask.as_sent(folder + way)
    assert (status, b"private" in body, b"root:" in body) == (404, False, False)


def test_links_that_lead_out(ask: Ask, runs: Path) -> None:
    """A symbolic link is followed inside the products and not out of them, nor in a circle."""
    products = runs / "r1" / "products"
    (products / "inside.png").symlink_to(products / "image" / "sky.png")
    (products / "out.txt").symlink_to(runs.parent / "outside.txt")
    (products / "up").symlink_to(runs / "r1")
    (products / "circle").symlink_to(products / "circle")
    assert ask(link(products / "inside.png")).status_code == 200
    for name in ("out.txt", "up/workers.log", "up", "circle"):
        answer = ask(link(products / name))
        assert (answer.status_code, "private" in answer.text) == (404, False)
    listing = ask(link(products)).text
    assert 'href="' in listing and "out.txt" in listing
    assert not re.search(r'href="[^"]*(out\.txt|/up|circle)"', listing)


def test_a_product_that_is_gone(ask: Ask, runs: Path) -> None:
    """A link to what was deleted, or to a run that was moved, says so in words."""
    path = runs / "r1" / "products" / "image" / "sky.png"
    address = link(path)
    path.unlink()
    answer = ask(address)
    assert (answer.status_code, answer.headers["content-type"]) == (
        404,
        "text/plain; charset=utf-8",
    )
    assert f"{path} is not there any more" in answer.text
    (runs / "r1").rename(runs / "r2")
    assert ask(address).status_code == 404


def test_only_files_and_directories(ask: Ask, runs: Path) -> None:
    """What is neither, such as a pipe, is not opened: that could wait for ever."""
    pipe = runs / "r1" / "products" / "pipe.txt"
    os.mkfifo(pipe)
    assert ask(link(pipe)).status_code == 404


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("sky.PNG", "image/png", True),
        ("scores.json", "application/json", True),
        (".zarray", "application/json", True),
        ("run.log", "text/plain; charset=utf-8", True),
        ("sky.fits", "application/fits", False),
        ("page.html", "application/octet-stream", False),
        ("plot.svg", "application/octet-stream", False),
        ("plot.pdf", "application/octet-stream", False),
        ("plain", "application/octet-stream", False),
        ('µ "q"\n[1].png', "image/png", True),
    ],
)
def test_types(name: str, kind: str, shown: bool, ask: Ask, runs: Path) -> None:
    """Pictures and text are shown, all else is a download; what may hold scripts is not a page."""
    path = runs / "r1" / "products" / name
    path.write_text("<script>alert(1)</script>")
    answer = ask(link(path))
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["content-disposition"].startswith("inline" if shown else "attachment")
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_parts_of_a_file_and_none_of_it(ask: Ask, runs: Path) -> None:
    """A reader may ask for a part of a large file, or for its size alone; and only read."""
    path = runs / "r1" / "products" / "cube.fits"
    path.write_bytes(bytes(range(256)) * 100)
    part = ask(link(path), headers={"range": "bytes=256-259"})
    assert (part.status_code, part.content) == (206, bytes(range(4)))
    assert part.headers["content-range"] == "bytes 256-259/25600"
    head = ask(link(path), "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == "25600"
    assert ask(link(path), "DELETE").status_code == 405 and path.exists()


def test_a_directory_is_listed(ask: Ask, runs: Path) -> None:
    """A directory product is a page with names, sizes and links that open; nothing in a name is
    markup, and the page runs no scripts."""
    store = runs / "r1" / "products" / "vis.zarr"
    (store / "c10").mkdir(parents=True)
    (store / "c9").mkdir()
    (store / "zarr.json").write_text("{}" * 617)
    (store / '<img src=x onerror="alert(1)">').write_text("x")
    os.mkfifo(store / "pipe")
    (store / os.fsdecode(b"odd\xff.txt")).write_text("odd")
    answer = ask(link(store))
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy and "allow-scripts" not in policy and "default-src 'none'" in policy
    assert "<img" not in answer.text and "<script" not in answer.text
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in answer.text
    assert "1.2 kB" in answer.text
    assert answer.text.index("c9/") < answer.text.index("c10/")
    addresses = re.findall(r'<td><a href="([^"]+)"', answer.text)
    assert len(addresses) == 5  # all but the pipe
    assert {ask(one).status_code for one in addresses} == {200}
    assert ask(f"{link(store)}/").text == answer.text
    assert ask(re.findall(r'<h1><a href="([^"]+)"', answer.text)[0]).text.count("<tr>") == 2


def test_a_large_directory(ask: Ask, runs: Path) -> None:
    """Of a directory with very many entries some are listed, and the page says so."""
    store = runs / "r1" / "products" / "vis.zarr"
    store.mkdir()
    for number in range(MOST_LISTED + 1):
        (store / str(number)).touch()
    page = ask(link(store)).text
    assert page.count("<tr>") == MOST_LISTED and "there are more" in page


def test_what_has_a_link(runs: Path) -> None:
    """Products of runs of the workspace have one; what is elsewhere, or no product, has none."""
    known = links(runs)
    assert known.of((runs / "r2" / "products" / "a b.png").as_uri()).endswith("/a%20b.png")
    assert known.of(str(runs / "r2" / "products" / "a.png")).endswith("/a.png")
    for uri in (
        (runs / "r1" / "workers.log").as_uri(),
        (runs / "r1").as_uri(),
        f"{runs.as_uri()}/r1/products/../workers.log",
        f"{runs.as_uri()}/../products/x",
        runs.as_uri(),
        "file:///etc/passwd",
        f"s3://bucket{runs}/r1/products/x",
        "r1/products/x",
        "",
    ):
        assert known.of(uri) == "", uri
    apart = Links(table(runs), runs)  # products in a folder of their own, one for each run
    assert apart.of((runs / "r1" / "x.png").as_uri()).endswith("/x.png")
