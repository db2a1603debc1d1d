"""A catalogue under review: edits can be taken back, refusals leave a sentence, and what is used is what stands there."""

from __future__ import annotations

from dashboard.catalog_draft import CatalogDraft
from dashboard.products.catalog import CatalogSource, SourceCatalog

CATALOG = SourceCatalog((CatalogSource("Crab", 83.6332, 22.0145, isgri_flag=2, flag=1), CatalogSource("1A 0535+262", 84.7274, 26.3158)))


def test_edits_follow_each_other_and_are_taken_back_in_turn() -> None:
    draft = CatalogDraft(CATALOG)
    assert not draft.changed
    assert draft.add("Mine", 90.0, 20.0)
    assert draft.rename(1, "1A 0535+26")
    assert draft.flag(1, flag=1, isgri_flag=1)
    assert draft.drop([0])
    assert [(s.name, s.flag) for s in draft.catalog.sources] == [("1A 0535+26", 1), ("Mine", 1)]
    for _ in range(4):
        draft.undo()
    assert draft.catalog == CATALOG
    draft.undo()
    assert draft.catalog == CATALOG


def test_a_refused_edit_changes_nothing_and_says_why() -> None:
    draft = CatalogDraft(CATALOG)
    assert not draft.add("crab", 10.0, 10.0)
    assert "already" in draft.problem
    assert draft.catalog == CATALOG
    assert not draft.changed
    assert draft.drop([1])
    assert draft.problem == ""


def test_warnings_follow_the_list_and_the_instrument() -> None:
    draft = CatalogDraft(CATALOG)
    assert draft.warnings == ()
    draft.add("near", 83.6332, 22.1)
    assert "Crab and near (5.1')" in draft.warnings[0]
    draft.instrument = "jemx1"
    assert draft.warnings == (), "JEM-X separates what is 5' apart"
    draft.drop([0, 2])
    assert "No source has FLAG 1" in draft.warnings[0]


def test_what_is_used_is_what_stands_there_until_the_next_edit() -> None:
    draft = CatalogDraft(CATALOG)
    draft.use()
    assert draft.used == CATALOG
    for _ in CATALOG.sources:
        draft.drop([0])
        assert draft.used is None
    draft.use()
    assert draft.used is None
    assert "add the target" in draft.problem
