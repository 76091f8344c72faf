"""Snakemake's report in a browser: what a person clicks, and what is seen then."""

import json
from pathlib import Path

CLICK = """(() => {
    const found = [...document.querySelectorAll(%s)].filter(one => one.textContent.trim() === %s);
    if (!found.length) return false;
    found[0].click();
    return true;
})()"""


class ReportPage:
    """The report that was unpacked to ``folder``, opened from disk in ``browser`` (Chromium)."""

    def __init__(self, browser, folder: Path):
        self.browser, self.file = browser, Path(folder, "report.html")
        browser.open(self.file.as_uri())
        browser.wait_for(lambda: "Results" in self.menu(), "the menu")

    def menu(self) -> list[str]:
        """The lines of the menu on the left."""
        return self.browser.evaluate(
            '[...document.querySelectorAll("nav li")].map(li => li.textContent.trim())'
        )

    def click(self, name: str, kind: str = "nav a, nav label") -> None:
        """Click what has this name on the left."""
        script = CLICK % (json.dumps(kind), json.dumps(name))
        self.browser.wait_for(lambda: self.browser.evaluate(script), f"{name} to click")

    def home(self) -> None:
        """Back to the first menu."""
        self.browser.evaluate('document.querySelector("nav nav a").click()')

    def categories(self) -> dict[str, list[str]]:
        """Subcategories by category, as the report itself lists them."""
        return self.browser.evaluate(
            "Object.fromEntries(Object.entries(categories).map(([name, parts]) => [name, Object.keys(parts)]))"
        )

    def rows(self) -> list[str]:
        """The results of the open subcategory."""
        return self.browser.evaluate(
            '[...document.querySelectorAll("nav tbody tr")].map(row => row.textContent.trim())'
        )

    def show(self, row: str) -> str:
        """Click the eye of a result; returns the file that is shown then, once it is loaded."""
        before = self.shown()
        script = f"""(() => {{
            const rows = [...document.querySelectorAll("nav tbody tr")];
            rows.find(row => row.textContent.trim() === {json.dumps(row)}).querySelector("a").click();
        }})()"""
        self.browser.evaluate(script)
        return self.browser.wait_for(
            lambda: self.shown() not in (None, before) and self.shown(), f"result {row}"
        )

    def shown(self) -> str | None:
        """The file on the right: a picture that has loaded, or a page."""
        return self.browser.evaluate("""(() => {
            const picture = document.querySelector('img[src^="data/raw"]');
            if (picture) return picture.complete && picture.naturalWidth ? picture.getAttribute("src") : null;
            return document.querySelector("iframe")?.getAttribute("src") ?? null;
        })()""")
