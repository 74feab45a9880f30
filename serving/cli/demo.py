"""`dealcast demo`: the whole line on a company that does not exist, with what each step took and showed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from features.errors import Conflict
from serving.cli.output import emit, json_option, progress, say
from serving.cli.port import HOST, port_problem

if TYPE_CHECKING:
    from features.home import Home

__all__ = ["demo"]

MEBIBYTE = 2**20


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port on 127.0.0.1.")
@click.option("--no-serve", is_flag=True, help="Stop before serving.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Another seed, another company.")
@click.option("--size", default="demo", show_default=True, metavar="NAME", help="tiny, demo or company.")
@json_option
@click.pass_context
def demo(context: click.Context, port: int, no_serve: bool, seed: int, size: str, as_json: bool) -> None:
    """Show everything on a simulated company.

    A software company is simulated, imported, learned from, forecast and served, in a home of its own; a home that
    has all this already is served as it is.
    """
    home_path: Path = context.obj
    if as_json and not no_serve:
        raise click.UsageError("--json prints one document at the end, and a server has no end: add --no-serve.")
    if not no_serve and (problem := port_problem(port, "dealcast demo")):
        raise Conflict(problem)

    from features.home import Home

    home = Home.open(home_path, must_exist=False)
    if home.store.exists() and not home.mapping.simulated:
        raise Conflict(f"{home_path} holds the data of {home.mapping.company}. The demo needs a home of its own: "
                       f"dealcast --home ./demo-home demo")
    steps = Steps(as_json)
    if not home.store.exists():
        home = _fill(home, seed, size, steps)
    elif any(context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE for name in ("seed", "size")):
        click.echo(f"Note: {home_path} holds a simulated company already, so --seed and --size change nothing. "
                   f"For another one, name another home.", err=True)
    models = _train(home, steps)
    outlook = _look(home, steps)
    if as_json:
        emit({"home": str(home_path), "steps": steps.done, "models": models, **outlook})
    if not no_serve:
        _serve(home, port, outlook["deals"], steps)


@dataclass
class Steps:
    """What was done, with seconds and peak memory; told as it happens unless the answer is to be JSON."""

    quiet: bool
    done: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Measure a step. Yields a list for the lines that tell what it showed."""
        told: list[str] = []
        begin = time.perf_counter()
        with progress(name), _peak_memory() as peak:
            yield told
        seconds = time.perf_counter() - begin
        self.done.append({"name": name, "seconds": round(seconds, 2), "peak_memory_mib": round(peak[0] / MEBIBYTE)})
        if not self.quiet:
            say(f"{name:<22}{seconds:6.1f} s   {told[0] if told else ''}".rstrip())
            for line in told[1:]:
                say(f"{'':<33}{line}")


@contextmanager
def _peak_memory() -> Iterator[list[int]]:
    """Yields a list whose only item ends as the largest resident memory of this process meanwhile, in bytes."""
    import psutil

    process = psutil.Process()
    peak = [process.memory_info().rss]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
        peak[0] = max(peak[0], process.memory_info().rss)


def _fill(home: Home, seed: int, size: str, steps: Steps) -> Home:
    from features.home import Home
    from features.importing import import_files
    from serving.cli.data import read_mapping
    from simulation.company import generate
    from simulation.options import Options

    with steps.step("Simulated company") as told:
        made = generate(home.path / "simulated", seed=seed, options=Options(size=size, variant="real"))
        told.append(", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in made.counts.items()))
    with steps.step("Import") as told:
        mapping, text = read_mapping("simulated")
        report = import_files(home, made.export_folder, mapping, text, time.time_ns() // 1000)
        told.append(f"{report.total('read'):,} rows read, {report.total('stored'):,} stored, "
                    f"{report.total('rejected'):,} rejected: " + ", ".join(
                        f"{found.subjects:,} {name} ({found.good:,} {'won' if name == 'deals' else 'converted'})"
                        for name, found in report.outcomes.items()))
    return Home.open(home.path)


def _train(home: Home, steps: Steps) -> list[dict[str, Any]]:
    from features.calendar import local_date
    from serving.champion import model_for
    from training.registry.runs import train_and_register, trainable
    from training.registry.versions import champion

    today = home.log_end()
    shown = []
    for name in trainable(home):
        trained = champion(home, name) is not None
        with steps.step(f"{'Model of' if trained else 'Train'} {name}") as told:
            if not trained:
                train_and_register(home, name, today, trained_at=time.time_ns() // 1000)
            version, model = model_for(home, name, today)
            median, origins = model.evaluation["median"], model.evaluation["origins"]
            days = [local_date(one["origin"], home.mapping.zone).isoformat() for one in origins]
            word = "win" if name == "deals" else "conversion"
            if days:
                told.append(f"{word} AUC {median['auc']:.2f}, log-loss {median['log_loss']:.3f} "
                            f"(stage rate {median['log_loss_stage']:.3f}), trained to {days[0]} ... {days[-1]}, "
                            f"tested after each: medians of {len(days)}")
            told.append(f"{version.label} serves, trained to {local_date(version.as_of, home.mapping.zone)}")
        shown.append({"model": version.label, "trained_now": not trained, "median": median, "origins": len(days)})
    return shown


def _look(home: Home, steps: Steps) -> dict[str, Any]:
    """The next quarter's forecast, and the three open deals with the most money in doubt."""
    from features.calendar import fiscal_quarter
    from serving.champion import model_for
    from serving.pages.words import short_money
    from training.forecast import forecast, reps_call

    today = home.log_end()
    history = home.history()
    version, model = model_for(home, "deals", today)
    name, start, end = fiscal_quarter(today, home.mapping, ahead=1)
    with steps.step("Forecast") as told:
        answer = {**forecast(model, history, today, start, end, home.settings), "model": version.label}
        reps = reps_call(history, today, start, end)
        won, currency = answer["total"]["won_amount"], answer["currency"]
        past = model.evaluation["periods"]
        held = sum(one["held"] for one in past)
        line = (f"next quarter ({name}): P50 {short_money(won['p50'], currency)}, P10–P90 "
                f"{short_money(won['p10'], currency)}–{short_money(won['p90'], currency)}; past ranges held "
                f"{held} of {len(past)}")
        told.append(line + (f"; the reps said {short_money(reps['won_amount'], currency)}" if reps else ""))
    with steps.step("Deals to look at") as told:
        deals = _deals_to_look_at(home, model, history, today, end)
        told += [f"{one['deal_id']}  {short_money(one['amount'], currency)}, {one['p_win']:.0%} to be won by the end "
                 f"of {name}: {one['reason']}" for one in deals]
    return {"forecast": answer, "reps": reps, "past_ranges": {"held": held, "of": len(past)}, "deals": deals}


def _deals_to_look_at(home: Home, model: Any, history: Any, today: int, end: int) -> list[dict[str, Any]]:
    """The three open deals with the most money in doubt by `end`: amount times the chance of either outcome."""
    import numpy as np

    from features.calendar import DAY
    from features.money import to_major
    from training.amounts import amount_of
    from training.deal_close import score
    from training.reasons import explain_at

    days = (end - today) / DAY
    deals = score(model, history, today, days)
    code = history.codes("deal", deals["deal_id"].to_numpy(object))
    deals["amount"] = np.nan_to_num(amount_of(history, code, np.full(len(code), today)))
    deals["doubt"] = deals["amount"] * deals["p_win"] * (1 - deals["p_win"])
    chosen = deals.sort_values(["doubt", "deal_id"], ascending=[False, True]).head(3)
    at = np.full(len(chosen), today)
    explained = explain_at(model, history, history.codes("deal", chosen["deal_id"].to_numpy(object)), at,
                           np.full(len(chosen), end))
    reasons = [one.themes[0].text for one in explained]
    currency = home.mapping.currency
    return [{"deal_id": deal, "amount": to_major(amount, currency), "p_win": float(p_win), "reason": reason}
            for deal, amount, p_win, reason in zip(*(chosen[name] for name in ("deal_id", "amount", "p_win")), reasons,
                                                   strict=True)]


def _serve(home: Home, port: int, deals: list[dict[str, Any]], steps: Steps) -> None:
    from serving.server import serve

    begin = time.perf_counter()
    address = f"http://{HOST}:{port}"
    deal = deals[0]["deal_id"] if deals else "D1"

    def tell_when_ready() -> None:
        _wait_until_ready(f"{address}/readyz")
        say(f"{'Server':<22}{time.perf_counter() - begin:6.1f} s   {address}   (Ctrl-C stops it)\n\n"
            f"The managers' page:  {address}/\n"
            f"A first request:     curl -s {address}/v1/deals/score -H 'Content-Type: application/json' "
            f"-d '{{\"deal_ids\": [\"{deal}\"]}}'\n"
            f"Every endpoint:      {address}/docs\n"
            f"Your own data:       dealcast --home ./mycompany import PATH --mapping FILE")

    threading.Thread(target=tell_when_ready, daemon=True).start()
    serve(home.path, port)


def _wait_until_ready(url: str) -> None:
    import urllib.error
    import urllib.request

    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
