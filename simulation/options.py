"""What can be chosen about a simulated company, and the settings that follow from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

from features.errors import BadInput, nearest
from simulation.clock import log_days
from simulation.world import Frailty, Kind, Size, World, load_world, settings_text

__all__ = ["VARIANTS", "Options", "prepare", "second", "settings_hash"]

VARIANTS = ("open", "real")


@dataclass(frozen=True)
class Options:
    """size : a name of the settings' sizes. variant : "open", in which chances depend only on what the CRM can show, or
    "real". years : length of the log (default: the settings'). wins : new deals won a quarter, about, in place of the
    size's leads. drift : whether the process changes half-way. recession : whether there is one. signal : False makes
    all chances equal. settings : a settings file in place of the shipped one."""

    size: str = "demo"
    variant: str = "open"
    years: float | None = None
    wins: int | None = None
    drift: bool = True
    recession: bool = True
    signal: bool = True
    settings: Path | None = None


def second() -> Path:
    """The second settings file: a company of other shares and effects."""
    return Path(str(files("simulation") / "second.yaml"))


def settings_hash(path: Path | None = None) -> str:
    """What a report says of the settings file that its company was made with: 12 hex digits of its SHA-256."""
    return hashlib.sha256(settings_text(path).encode()).hexdigest()[:12]


def prepare(options: Options) -> tuple[World, Size]:
    """The settings and the size of a company with these options. Raises BadInput or NotFound."""
    world = load_world(options.settings)
    size = world.size(options.size)
    if options.variant not in VARIANTS:
        raise BadInput(f"There is no variant '{options.variant}' of the simulated company. Choose "
                       f"{' or '.join(VARIANTS)}.{nearest(options.variant, VARIANTS)}")
    if options.years is not None:
        if not 0.25 <= options.years <= 20:
            raise BadInput(f"The log is 0.25 to 20 years long, not {options.years:g}.")
        first = world.last_day + timedelta(days=1) - timedelta(days=round(365.25 * options.years))
        share = options.years * 365.25 / log_days(world)
        world = world.model_copy(update={"first_day": first})
        size = _times(size, share)
    if options.wins is not None:
        if not 1 <= options.wins <= 5000:
            raise BadInput(f"The deals won in a quarter are 1 to 5,000, not {options.wins}.")
        expected = size.leads * world.leads.won_share + size.direct_deals * world.deals.won_share
        # Every region needs a rep.
        regions = len({kind.region for kind in world.countries.values()})
        size = _times(size, options.wins * log_days(world) / 91.3125 / expected, least_reps=regions)
    if not options.drift:
        world = world.model_copy(update={"drift": world.drift.model_copy(update={"happens": False})})
    if not options.recession:
        world = world.model_copy(update={"recession": world.recession.model_copy(update={"happens": False})})
    if options.variant == "open":
        nothing = dict.fromkeys(set(Frailty.model_fields) - {"nodes"}, 0.0)
        world = world.model_copy(update={"frailty": world.frailty.model_copy(update=nothing)})
    return (world if options.signal else without_signal(world)), size


def _times(size: Size, factor: float, least_reps: int = 0) -> Size:
    """So many times the records, and with `least_reps` so many times the people as well."""
    scaled = {"leads": 1, "direct_deals": 1} | ({"reps": least_reps, "managers": 1} if least_reps else {})
    return size.model_copy(update={name: max(least, round(getattr(size, name) * factor))
                                   for name, least in scaled.items()})


def without_signal(world: World) -> World:
    """The same company, in which nothing that can be known of a lead or a deal says anything about its fate.

    On any day all open deals have the same chances, and all leads of the same age; only the calendar is left.
    """
    def flat(kinds: dict[str, Kind]) -> dict[str, Kind]:
        same = {"win": 0.0, "lose": 0.0, "pace": 0.0, "lead": 0.0, "renew": 0.0}
        return {name: kind.model_copy(update=same) for name, kind in kinds.items()}

    def mean(values: list[float]) -> list[float]:
        return [sum(values) / len(values)] * len(values)

    deals, leads, causes, owners = world.deals, world.leads, world.causes, world.owners
    none = {name: [0.0] * len(getattr(deals, name)) for name in (
        "win_by_weeks", "lose_by_weeks", "win_by_silence", "lose_by_silence")}
    return world.model_copy(update={
        **{name: flat(getattr(world, name)) for name in ("segments", "industries", "sources", "products", "deliveries",
                                                         "roles")},
        "deals": deals.model_copy(update={**none, "win": [-5.1] * 4, "lose": [-4.15] * 4}),
        "leads": leads.model_copy(update={
            "convert": mean(leads.convert), "disqualify": mean(leads.disqualify),
            "convert_by_response": [0.0] * 4, "convert_by_replies": [0.0] * 4, "disqualify_by_replies": [0.0] * 4}),
        "causes": causes.model_copy(update={
            "win_by_roles": [0.0] * 4, "lose_by_roles": [0.0] * 4,
            **dict.fromkeys(("win_by_fit", "lose_by_fit", "proof_win", "proof_lose", "proof_pace", "anchor_win",
                             "anchor_lose", "discount_win", "promise_win"), 0.0)}),
        "renewals": world.renewals.model_copy(update=dict.fromkeys(
            ("by_promise", "by_discount", "by_fit", "expansion_win"), 0.0)),
        "owners": owners.model_copy(update={"win": 0.0, "lead": 0.0}),
        "drift": world.drift.model_copy(update={"happens": False}),
        "recession": world.recession.model_copy(update={"happens": False}),
        "frailty": world.frailty.model_copy(update=dict.fromkeys(set(Frailty.model_fields) - {"nodes"}, 0.0)),
    })
