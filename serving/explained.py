"""One lead or deal explained: the same answer for the command line, the API and the page."""

from __future__ import annotations

from typing import Any

from features.errors import Conflict
from serving import answers
from serving.champion import model_for
from serving.company import Company
from training.deal_scores import curve
from training.dossier import dossier
from training.hazard import HazardModel
from training.reasons import Explanation

__all__ = ["explain_one"]


def explain_one(company: Company, kind: str, as_of: int, key: str, within_days: float = 28.0,
                version: int | None = None) -> dict[str, Any]:
    """Everything that is said of one open lead or deal; `within_days` is a deal's.

    Raises NotFound for what was not known then, Conflict for what had ended and without a model for the date.
    """
    chosen, model = model_for(company.home, f"{kind}s", as_of, version)
    rows = (answers.lead_scores(company, as_of, [key], version=version) if kind == "lead"
            else answers.deal_scores(company, as_of, within_days, [key], version=version))[1]
    if rows[0]["status"] != "open":
        status = rows[0]["status"].replace("_", " ")
        raise Conflict(f"As of {company.iso(as_of)} {kind} {key} is {status}: only what is open has a "
                       "score to explain. Ask as of a date at which it was open.")
    subject = int(company.history.codes(kind, [key])[0])
    end_of = answers.lead_end(company) if kind == "lead" else answers.deal_end(within_days)
    found = company.remember(("dossier", chosen.label, chosen.trained_at, kind, key, as_of, within_days),
                             lambda: dossier(model, company.history, subject, as_of, end_of))
    explanation: Explanation = found.explanation
    return {
        "as_of": company.iso(as_of), "model": chosen.label,
        **(_of_deal(company, model, as_of, subject, within_days) if kind == "deal" else {}),
        "score": {**rows[0], "reasons": []},
        "log_odds": explanation.log_odds, "base_log_odds": explanation.base,
        "reasons": [answers.reason_row(one) for one in found.reasons()],
        "themes": [answers.reason_row(one) for one in explanation.themes],
        "moved": [{"text": one.text, "theme": one.theme, "change": one.change} for one in found.moved],
        "what_if": [{"text": one.text, "probability": one.probability, "change": one.change} for one in found.what_if],
        "past": [{"as_of": company.iso(at), "probability": said} for at, said in found.past],
    }


def _of_deal(company: Company, model: HazardModel, as_of: int, subject: int, within_days: float) -> dict[str, Any]:
    """What is said of deals alone: the periods, and the chances by week."""
    by_week = curve(model, company.history, subject, as_of)
    return {"within_days": within_days, **answers.deal_periods(company, model, as_of),
            "curve": [{"at": company.iso(at), "p_win": win, "p_lose": lose, "p_open": still}
                      for at, win, lose, still in by_week.itertuples(index=False)]}
