"""The pages in a real browser, against a real service with a real worker."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    expect,
    sync_playwright,
)

import autosample
from autosample.client import Client
from autosample.data.synthetic import Synthetic
from tests.acceptance.service import Service

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

SOON = 90_000  # milliseconds for what takes a training or two
expect.set_options(timeout=20_000)
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1200, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 390, "height": 800}},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(tmp_path_factory.mktemp("service") / "home", lease=20, trials=1)
    try:
        made.serve()
        yield made
    finally:
        made.stop()


def written(path: Path, **sizes: int) -> Path:
    """Write a file of somebody's own, with names that nobody would guess."""
    train = Synthetic(**sizes).build().dataset.train
    pairs = zip(train.users_E, train.items_E, strict=True)
    rows = "".join(f"{user};{item};5\n" for user, item in pairs)
    path.write_text(f"who;what;rating\n{rows}")
    return path


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mine") / "mine.csv"
    return written(path, users=150, items=90, pairs_per_user=12)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as started:
        made = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield made
        made.close()


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """A page that must log no error and ask no other host for anything."""
    context = browser.new_context(base_url=service.url)
    made, wrong = context.new_page(), list[str]()

    def hear(each: ConsoleMessage) -> None:
        """A browser logs every refusal; the page tells of it as it should."""
        if each.type in ("error", "warning") and "status of 422" not in each.text:
            wrong.append(each.text)

    def see(each: Request) -> None:
        if not each.url.startswith((service.url, "data:", "blob:", "file:")):
            wrong.append(each.url)

    def fail(each: Error) -> None:
        wrong.append(str(each))

    made.on("console", hear)
    made.on("request", see)
    made.on("pageerror", fail)
    yield made
    context.close()
    assert wrong == []


def begin(page: Page, ratings: Path, *, epochs: int, model: str = "mf") -> None:
    """Fill in the form as far as the button, with three candidates."""
    page.goto("/new")
    page.get_by_label("File of interactions").set_input_files(ratings)
    expect(page.get_by_role("region", name="First rows of the file")).to_contain_text(
        "who"
    )
    page.get_by_label("Column of users").select_option("who")
    page.get_by_label("Column of items").select_option("what")
    page.get_by_label("Model", exact=True).select_option(model)
    page.get_by_label("Most epochs per training").fill(str(epochs))
    page.get_by_text("Candidates:").click()
    for kind in ("uniform", "popularity", "dns"):
        page.get_by_label(kind, exact=True).check()


def start(page: Page) -> str:
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/jobs/*", timeout=SOON)
    return page.url.rsplit("/", 1)[1]


@pytest.fixture(scope="module")
def finished(browser: Browser, service: Service, ratings: Path) -> list[str]:
    """Two searches that have ended."""
    context = browser.new_context(base_url=service.url)
    page, done = context.new_page(), []
    for epochs in (8, 10):
        begin(page, ratings, epochs=epochs)
        done.append(start(page))
        expect(page.locator(".verdict")).to_be_visible(timeout=SOON)
    context.close()
    return done


def test_a_file_becomes_a_sampler(page: Page, ratings: Path, tmp_path: Path) -> None:
    begin(page, ratings, epochs=40)
    page.get_by_role("button", name="What would it cost?").click()
    expect(page.get_by_role("status")).to_contain_text("About", timeout=SOON)
    start(page)
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("log")).to_contain_text("3 candidates compete")
    live = page.get_by_role("heading", name="The candidates compete")
    expect(live).to_be_visible(timeout=SOON)
    expect(page.locator(".verdict")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("heading", name="Whom it serves")).to_be_visible()
    expect(page.locator(".state")).to_have_text("succeeded")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download the bundle").click()
    got.value.save_as(tmp_path / "bundle.zip")
    found = autosample.load(tmp_path / "bundle.zip")
    assert len(found.users) == 150


def test_a_running_search_is_cancelled_and_tried_again(
    page: Page, tmp_path: Path
) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    long = written(tmp_path / "long.csv", users=3000, items=1500, pairs_per_user=40)
    begin(page, long, epochs=5000, model="lightgcn")
    start(page)
    expect(page.locator("#state")).to_have_text("running", timeout=SOON)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Try again")).to_be_visible(timeout=SOON)
    expect(page.locator("#state")).to_have_text("cancelled")
    expect(page.get_by_role("log")).to_contain_text("The job is cancelled")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()


def test_searches_are_compared(page: Page, finished: list[str]) -> None:
    page.goto("/")
    button = page.get_by_role("button", name="Compare the selected searches")
    expect(button).to_be_disabled()
    for id in finished:
        page.locator(f"input[value='{id}']").check()
    button.click()
    expect(page.get_by_role("heading", name=re.compile("Test ndcg@20"))).to_be_visible()
    expect(page.locator("thead th a")).to_have_count(2)


def test_what_is_wrong_is_told_and_nothing_is_lost(page: Page, tmp_path: Path) -> None:
    page.goto("/new")
    page.get_by_role("button", name="Start the search").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a file first")
    empty = tmp_path / "one.csv"
    empty.write_text("user,item\n1,2\n")
    page.get_by_label("File of interactions").set_input_files(empty)
    page.get_by_label("Seed", exact=True).fill("7")
    page.get_by_role("button", name="Start the search").click()
    expect(page.get_by_role("alert")).to_contain_text(
        "1 users and 1 items", timeout=SOON
    )
    expect(page.get_by_label("Seed", exact=True)).to_have_value("7")


def test_a_report_opens_without_any_server(
    page: Page, service: Service, finished: list[str], tmp_path: Path
) -> None:
    service.client.job(finished[0]).download(tmp_path / "bundle.zip")
    with zipfile.ZipFile(tmp_path / "bundle.zip") as packed:
        path = packed.extract("report.html", tmp_path)
    page.goto(Path(path).as_uri())
    expect(page.locator("section.chart")).to_have_count(6)
    expect(page.locator(".plot svg").first).to_be_visible()


@pytest.mark.parametrize("look", LOOKS)
def test_pages_can_be_read_by_all(
    browser: Browser, service: Service, finished: list[str], look: str
) -> None:
    """By axe-core's rules of WCAG 2 A and AA, wide and light, narrow and dark."""
    context = browser.new_context(base_url=service.url, **LOOKS[look])  # type: ignore[arg-type]
    page = context.new_page()
    job, other = finished
    found: list[str] = []
    for path in (
        "/", "/new", f"/jobs/{job}", f"/compare?job={job}&job={other}", "/login",
    ):  # fmt: skip
        page.goto(path)
        page.wait_for_load_state("networkidle")
        for each in Axe().run(page).response["violations"]:
            if each["impact"] in ("serious", "critical"):
                where = [node["target"] for node in each["nodes"]]
                found.append(f"{path}: {each['id']} at {where}")
        wide = page.evaluate(
            "() => document.documentElement.scrollWidth > innerWidth + 1"
        )
        if wide:
            found.append(f"{path}: wider than the window")
    context.close()
    assert found == []


def test_the_form_works_by_keyboard_alone(page: Page) -> None:
    page.goto("/new")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.id") == "start":
            break
    expect(page.get_by_role("button", name="Start the search")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Choose a file first")


def test_with_keys_a_browser_is_asked_for_one(
    browser: Browser, tmp_path: Path, ratings: Path
) -> None:
    served = Service(tmp_path / "home", admin_key="let me in, please")
    context = browser.new_context(base_url=served.url)
    page = context.new_page()
    try:
        served.client = Client(served.url, key="let me in, please")
        served.serve("--no-worker")
        page.goto("/new")
        page.get_by_label("Key").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("not known here")
        page.get_by_label("Key").fill("let me in, please")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/new")
        begin(page, ratings, epochs=5)
        start(page)
        expect(page.get_by_role("log")).to_contain_text("The job is queued")
    finally:
        context.close()
        served.stop()
