"""How the services' answers become a status of every clause."""

from typing import Any

from criteria.catalogue import load_catalogue
from opensom.tour.report import make_report


def answer(status: str) -> dict[str, Any]:
    """Evidence as a service gives it."""
    return {"status": status, "figures": [], "links": [{"label_zh": "群", "label_en": "fleet", "href": "/fleet"}]}


def test_a_clause_that_shares_a_demonstration_is_shown_with_all_of_them() -> None:
    """Guards: 'shown' counted for a clause of which only half was shown."""
    clause = next(each for each in load_catalogue().clauses if len(each.same_as) > 1 and each.kind != "outside")
    every = {target: answer("shown") for target in clause.same_as}
    whole = make_report({"lifecycle": every}, [], 1.0).document()["clauses"][clause.id]
    assert (whole["status"], whole["evidence"]) == ("shown", {"same_as": list(clause.same_as)})
    assert whole["links"] == answer("shown")["links"], "each link once"
    half = dict(list(every.items())[1:])
    assert make_report({"lifecycle": half}, [], 1.0).document()["clauses"][clause.id]["status"] == "not yet"


def test_a_claim_without_evidence_makes_the_tour_fail() -> None:
    """Guards: a tour that is green although a service could not show what it claims, or claims what is not asked."""
    assert make_report({"billing": {"HN-1-3-b": answer("shown")}}, [], 1.0).whole
    assert make_report({"billing": {"HN-1-3-b": answer("not yet")}}, [], 1.0).missing == ["HN-1-3-b"]
    assert make_report({"billing": {"HN-9-99-z": answer("shown")}}, [], 1.0).missing == ["HN-9-99-z"]
    two = {"billing": {"HN-1-3-b": answer("shown")}, "lifecycle": {"HN-1-3-b": answer("not yet")}}
    assert make_report(two, [], 1.0).missing == ["HN-1-3-b"]
    assert not make_report({}, [], 1.0).whole, "with nothing claimed nothing is shown"


def test_facts_about_a_firm_are_never_shown() -> None:
    """Guards: a figure about a firm, made up by software."""
    report = make_report({}, [], 1.0)
    outside = [each.id for each in load_catalogue().clauses if each.kind == "outside" and not each.same_as]
    assert outside
    assert {report.document()["clauses"][each]["status"] for each in outside} == {"outside"}
    assert report.counts["total"] == 411
