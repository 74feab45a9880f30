"""The few sentences that the README opens with, from the other figures' results."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.figures import bpic2012, demo, simulated

__all__ = ["table"]


def table(small: bool) -> str:
    deals, runs = pd.DataFrame(simulated.results(small)["deals"]), demo.results(small)["runs"]
    seconds = [sum(step["seconds"] for step in one["steps"]) for one in runs]
    memory = max(step["peak_memory_mib"] for step in runs[0]["steps"])
    lines = [f"- On the simulated company, whose truth is known, P(win within 91 days) is on average "
             f"{(deals['said'] - deals['true']).abs().mean():.3f} from the true probability (correlation "
             f"{np.corrcoef(deals['said'], deals['true'])[0, 1]:.2f}).",
             f"- Once installed, the demo takes {seconds[0]:.0f} s from nothing to a forecast on two cores and at most "
             f"{memory} MiB; started again it takes {seconds[1]:.0f} s."]
    if bpic2012.DATA.is_dir():
        median = bpic2012.figures(small).median()
        lines.insert(0, f"- On a bank's real pipeline of 7,367 deals (BPI Challenge 2012), P(win within 28 days) as of "
                        f"nine Mondays: median log-loss {median.log_loss:.3f} (rate by stage "
                        f"{median.log_loss_stage:.3f}, Aalen–Johansen {median.log_loss_aj:.3f}), AUC {median.auc:.3f}.")
    return "\n".join(lines) + "\n"
