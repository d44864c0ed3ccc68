"""What the documents promise is what the code does."""

import re
from pathlib import Path

import pytest

from portal.home import BASE_DIR

CODE = [
    BASE_DIR / "manage.py",
    *(p for name in ("portal", "accounts", "billing") for p in (BASE_DIR / name).rglob("*.py")),
]
READ = re.compile(r"""(?:environ(?:\.get)?[\[(]|env\.\w+\(|_number\()\s*"([A-Z][A-Z_]+)\"""")
# Of the tests, of the demo, and of the examples that customers are shown.
INTERNAL = {"DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER", "PURSER_DEMO_DAYS", "PURSER_KEY"}


def read_by_code() -> set[str]:
    return {name for path in CODE if "tests" not in path.parts for name in READ.findall(path.read_text())} - INTERNAL


def test_every_variable_that_is_read_is_in_the_readme_and_no_other() -> None:
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", (BASE_DIR / "README.md").read_text(), re.M))
    assert table - {"PYTHON"} == read_by_code()


def test_every_direct_dependency_says_why_it_is_here() -> None:
    told = set(re.findall(r"^\| ([\w, -]+?)(?: [\d.]+ LTS)? \|", (BASE_DIR / "docs/dependencies.md").read_text(), re.M))
    names = {name.strip().lower() for cell in told for name in cell.split(",")}
    pinned = {
        match[1].lower()
        for file in ("requirements.txt", "requirements-dev.txt")
        for match in re.finditer(r"^([A-Za-z][\w-]*)(?:\[\w+\])?==", (BASE_DIR / file).read_text(), re.M)
    }
    assert pinned - names == set()
    assert names - pinned == {"package"}


def test_everything_that_is_installed_is_pinned() -> None:
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (BASE_DIR / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    for file in ("requirements.txt", "requirements-dev.txt", "requirements-legacy.txt"):
        for line in (BASE_DIR / file).read_text().splitlines():
            if line[:1].isalpha():
                name, _, version = line.partition("==")
                assert version, f"{line} in {file} is not pinned"
                assert name.split("[")[0].lower().replace("_", "-") in pinned


@pytest.mark.parametrize(
    "document", ["README.md", *(str(p.relative_to(BASE_DIR)) for p in (BASE_DIR / "docs").rglob("*.md"))]
)
def test_links_between_documents_lead_somewhere(document: str) -> None:
    path = BASE_DIR / document
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / Path(link)).exists(), link
