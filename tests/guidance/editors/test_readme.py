"""The README's table of editors says what the catalogue says."""

from __future__ import annotations

from ft2os.guidance.editors import catalogue
from ft2os.guidance.editors.catalogue import HALF_BYTES, MODES, Row, weights
from ft2os.guidance.editors.plan import WORKING_LEAST, WORKING_SHARE
from tests.conftest import ROOT

USE = {True: "allowed", False: "not allowed", None: "read the page"}


def line(row: Row) -> str:
    """A row of the table."""
    assert row.working.value is None  # where it is measured, the sentence below the table is wrong
    held = [weights(row.parameters, row.large, mode, HALF_BYTES) for mode in MODES]
    memory = ", ".join(f"{(size + max(WORKING_SHARE * size, WORKING_LEAST)) / 1e9:.1f}" for size in held)
    use, download = USE[row.licence.commercial], f"{row.download.value / 1e9:.1f} GB"
    return f"| {row.title} | {row.licence.name} | {use} | {download} | {memory} GB |"


def test_the_table_of_editors_is_the_catalogue():
    text = (ROOT / "README.md").read_text()
    table = text.partition("GPU memory: whole, in 4 bits, part by part |\n|---|---|---|---|---|\n")[2]
    assert table.partition("\n\n")[0].splitlines() == [line(row) for row in catalogue.rows().values()]
