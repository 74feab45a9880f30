"""A Chinese sales team's Excel sheet of deals, from file to scores: the workbook and what docs/from-excel.md shows.

`python -m tests.figures.sheet` writes configs/examples/deals_zh.xlsx anew: invented deals of an invented company, in
the shape in which such sheets are kept: a merged title above the header, amounts in 万元 and dates in Chinese.
"""

from __future__ import annotations

import difflib
import random
import shutil
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import xlsxwriter  # type: ignore[import-untyped]

from tests.figures.cache import ROOT, cached
from tests.running import run

__all__ = ["WORKBOOK", "drafted", "imported", "scored", "trained", "write_workbook"]

WORKBOOK = ROOT / "configs" / "examples" / "deals_zh.xlsx"
HEADERS = ["商机编号", "客户名称", "所属行业", "客户来源", "意向产品", "用户数", "负责人", "销售阶段",
           "预计金额（万元）", "立项日期", "预计签单日期", "结单日期", "输单原因", "备注"]
_STAGES = ["初步接洽", "需求确认", "方案报价", "商务谈判"]
_OWNERS = {"王伟": 1.3, "李娜": 1.1, "张敏": 0.8, "刘洋": 1.0, "陈静": 0.9}
_SOURCES = {"转介绍": 1.6, "官网": 1.0, "展会": 0.8, "电话营销": 0.5}
_PRODUCTS = {"标准版": (0.06, 1.2), "专业版": (0.11, 1.0), "旗舰版": (0.18, 0.7)}
_INDUSTRIES = ["制造业", "零售", "物流", "医疗", "教育"]
_CITIES = ["上海", "杭州", "苏州", "深圳", "成都", "武汉", "南京", "青岛"]
_NAMES = ["华晨", "远景", "天合", "宏图", "信达", "博雅", "瑞丰", "恒通", "中科", "鼎盛"]
_KINDS = ["科技有限公司", "贸易有限公司", "精密制造有限公司", "物流有限公司", "医疗器械有限公司"]
_REASONS = ["价格", "选择竞品", "预算取消", "项目暂停"]
_AS_OF = date(2026, 9, 30)


def write_workbook(path: Path, n: int = 320, seed: int = 11) -> None:
    """Write the workbook; the same seed gives the same deals."""
    chance = random.Random(seed)
    with xlsxwriter.Workbook(str(path)) as book:
        # A file's own date would make each writing of it another file.
        book.set_properties({"title": "商机台账", "created": datetime(2026, 9, 30)})
        title = book.add_format({"bold": True, "font_size": 16, "align": "center", "font_name": "SimSun"})
        head = book.add_format({"bold": True, "bg_color": "#D9E1F2", "border": 1, "text_wrap": True})
        money = book.add_format({"num_format": "#,##0.00"})
        sheet = book.add_worksheet("商机台账")
        sheet.merge_range(0, 0, 0, len(HEADERS) - 1, "2026年销售商机台账", title)
        sheet.write_row(1, 0, HEADERS, head)
        sheet.freeze_panes(2, 1)
        for i in range(n):
            for column, cell in enumerate(_deal(i, chance)):
                if cell is not None:
                    sheet.write(i + 2, column, cell, money if HEADERS[column].startswith("预计金额") else None)


def _deal(i: int, chance: random.Random) -> list[str | float | None]:
    created = date(2024, 10, 8) + timedelta(days=int(i * 2.2) + chance.randrange(5))
    owner, source = chance.choice(list(_OWNERS)), chance.choices(list(_SOURCES), weights=[2, 4, 3, 3])[0]
    product = chance.choices(list(_PRODUCTS), weights=[4, 3, 2])[0]
    users = chance.choice([10, 20, 30, 50, 80, 120, 200, 300])
    price, ease = _PRODUCTS[product]
    amount = round(users * price * chance.uniform(0.8, 1.2), 2)
    win = 0.42 * _OWNERS[owner] * _SOURCES[source] * ease
    days = int(chance.lognormvariate(4.3, 0.5))
    ended = created + timedelta(days=days)
    expected = created + timedelta(days=int(days * chance.uniform(0.6, 1.3)))
    won = chance.random() < min(win, 0.9)
    open_ = ended > _AS_OF
    place = min(3, int(4 * (_AS_OF - created).days / max(1, days)))
    stage = _STAGES[place] if open_ else "赢单" if won else "输单"
    company = f"{chance.choice(_CITIES)}{chance.choice(_NAMES)}{chance.choice(_KINDS)}"
    reason = None if open_ or won else chance.choice(_REASONS)
    closed = None if open_ else _chinese(ended)
    note = chance.choice([None, None, None, "等客户反馈", "下周拜访", "需要演示环境", "领导已同意"])
    return [f"SJ{2024_0001 + i}", company, chance.choice(_INDUSTRIES), source, product, users, owner, stage, amount,
            _chinese(created), _chinese(expected), closed, reason, note]


def _chinese(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


# What somebody who knows the team changes in the draft: (what stands there, what is right).
_EDITS = [("company: deals zh", "company: 云图软件"), ("currency: CNY ", "holidays: CN\ncurrency: CNY "),
          ("{column: 意向产品, past: final_only}", "{column: 意向产品, past: at_creation}"),
          ("{column: 用户数, type: number, past: final_only}", "{column: 用户数, type: number, past: at_creation}")]


# Of the columns of scores.csv, those that fit on a page.
_SHOWN = ["deal_id", "stage", "amount", "p_win", "p_lose", "close_p50", "expected_close", "p_slip", "at_risk"]


def _steps() -> dict[str, str]:
    """Everything that a new user types, in an empty folder with only the workbook, and what is answered."""
    quarter = f"{date.today().year}-Q{(date.today().month + 2) // 3}"
    said: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(WORKBOOK, folder)

        def dealcast(line: str) -> None:
            done = run(*line.split(), cwd=folder)
            if done.returncode:
                raise RuntimeError(f"dealcast {line}: {done.stderr}")
            said[line] = "\n".join(one.rstrip() for one in done.stdout.splitlines()).strip("\n")

        dealcast("map deals_zh.xlsx --out mapping.yaml")
        draft = (folder / "mapping.yaml").read_text(encoding="utf-8")
        said["draft"], edited = draft, draft
        for old, new in _EDITS:
            if edited.count(old) != 1:
                raise RuntimeError(f"the draft has no line '{old}' any more")
            edited = edited.replace(old, new)
        (folder / "mapping.yaml").write_text(edited, encoding="utf-8")
        said["edits"] = "\n".join(line.split("  #")[0].rstrip() for line in difflib.unified_diff(
            draft.splitlines(), edited.splitlines(), n=0, lineterm="") if line[:3] not in ("---", "+++", "@@ "))
        home = "--home ./mycompany"
        dealcast(f"{home} import deals_zh.xlsx --mapping mapping.yaml")
        dealcast(f"{home} train deals --as-of now")
        dealcast(f"{home} score deals --as-of now --within 28d --out scores.csv")
        said["scores"] = pd.read_csv(folder / "scores.csv").head(3)[_SHOWN].to_string(index=False)
        dealcast(f"{home} forecast --as-of now --period {quarter} --by owner")
    return said


def _said() -> dict[str, str]:
    found: dict[str, str] = cached("sheet", _steps)
    return found


def _shown(*starts: str) -> str:
    """Commands and answers, of those whose command holds one of the words."""
    return "\n".join(f"```sh\ndealcast {line}\n```\n\n```text\n{answer}\n```\n" for line, answer in _said().items()
                     if any(start in line.split() for start in starts))


def drafted(small: bool) -> str:
    return f"{_shown('map')}\n`mapping.yaml` then holds:\n\n```yaml\n{_said()['draft'].rstrip()}\n```\n"


def imported(small: bool) -> str:
    return f"```diff\n{_said()['edits']}\n```\n\n{_shown('import')}"


def trained(small: bool) -> str:
    return _shown("train")


def scored(small: bool) -> str:
    scores = f"```text\n{_said()['scores']}\n```\n"
    begins = "`scores.csv` begins, of its columns ([all of them](deal-scores.md)):"
    return f"{_shown('score')}\n{begins}\n\n{scores}\n{_shown('forecast')}"



if __name__ == "__main__":
    write_workbook(WORKBOOK)
