"""Chromium, a desk, a site; each test has a visitor of its own."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.places import DESK, SECONDS, ChatDesk, Site, Visitor
from tests.chaos.desk_process import Desks

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AS_PEOPLE_HAVE_IT = "--disable-features=Translate"
"""In place of Playwright's own list, which switches off that an iframe's storage is kept by site, so that it is refused."""

Launch = Callable[[list[str]], Browser]
MakeContext = Callable[..., BrowserContext]


@pytest.fixture(scope="module")
def launch() -> Iterator[Launch]:
    """Give what starts Chromium; where there is none the stories are left out, in CI they fail.

    For a module and no longer: Playwright leaves an event loop running in its thread, in which other tests could run none.
    """
    program = shutil.which("chromium")
    if program is None and "CI" in os.environ:
        pytest.fail("there is no chromium; install Debian's package")
    if program is None:
        pytest.skip("needs chromium, for instance Debian's package")
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        made: list[Browser] = []

        def start(flags: list[str]) -> Browser:
            made.append(playwright.chromium.launch(executable_path=program, args=[*FLAGS, *flags]))
            return made[-1]

        yield start
        for browser in made:
            browser.close()


@pytest.fixture(scope="module")
def browser(launch: Launch) -> Browser:
    """Give a browser as people have it."""
    return launch([AS_PEOPLE_HAVE_IT])


@pytest.fixture(scope="module")
def strict_browser(launch: Launch) -> Browser:
    """Give a browser that keeps nothing for a page within a page of another site."""
    return launch([])


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Give the site whose pages may show the chat."""
    with Site() as made:
        yield made


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[ChatDesk]:
    """Give a desk that runs, for every story of a module that leaves it running."""
    with Desks(tmp_path_factory.mktemp("browser")) as desks:
        made = ChatDesk(desks.make(DESK.replace("ORIGIN", site.origin)))
        made.process.start()
        yield made


@pytest.fixture
def desk(shared_desk: ChatDesk, site: Site) -> ChatDesk:
    """Give that desk, as the one whose chat the site shows."""
    site.desk = shared_desk.origin
    return shared_desk


@pytest.fixture
def own_desk(tmp_path: Path, site: Site) -> Iterator[ChatDesk]:
    """Give a desk of the test's own, which does not run yet, as the one whose chat the site shows."""
    with Desks(tmp_path) as desks:
        made = ChatDesk(desks.make(DESK.replace("ORIGIN", site.origin)))
        site.desk = made.origin
        yield made


@pytest.fixture
def make_context(browser: Browser) -> Iterator[MakeContext]:
    """Give a maker of browser contexts; an error in a page's script fails the test."""
    made: list[BrowserContext] = []
    errors: list[str] = []

    def make(of: Browser = browser, **settings: Any) -> BrowserContext:
        context = of.new_context(**({"locale": "en-GB", "viewport": {"width": 1000, "height": 760}} | settings))
        context.set_default_timeout(SECONDS * 1000)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()
    assert not errors


@pytest.fixture
def visitor(make_context: MakeContext) -> Visitor:
    """Give a visitor with a browser of their own."""
    return Visitor(make_context().new_page())
