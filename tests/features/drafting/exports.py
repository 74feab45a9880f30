"""Tables of deals as CRMs and people's own sheets have them: the same deals under many headers."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

__all__ = ["CHINESE_STAGES", "DIALECTS", "ENGLISH_STAGES", "deals", "write_deals"]

ENGLISH_STAGES = ("Qualification", "Proposal", "Negotiation", "Closed Won", "Closed Lost")
CHINESE_STAGES = ("初步接洽", "方案报价", "商务谈判", "赢单", "输单")
_PEOPLE = {"en": ["Tom Berg", "Mira Vogel", "Aylin Kaya", "Jonas Peters"], "zh": ["王伟", "李娜", "张敏", "刘洋"]}

# Role in the mapping to header, as the products' list exports and reports name them by default.
DIALECTS: dict[str, dict[str, str]] = {
    "salesforce report": {"deal_id": "Opportunity ID", "name": "Opportunity Name", "stage": "Stage", "amount": "Amount",
                          "owner": "Opportunity Owner", "created_at": "Created Date", "close": "Close Date",
                          "source": "Lead Source", "probability": "Probability (%)", "kind": "Type"},
    "salesforce api": {"deal_id": "Id", "name": "Name", "stage": "StageName", "amount": "Amount", "owner": "OwnerId",
                       "created_at": "CreatedDate", "close": "CloseDate", "source": "LeadSource",
                       "probability": "Probability", "kind": "Type", "modified": "LastModifiedDate",
                       "deleted": "IsDeleted"},
    "hubspot": {"deal_id": "Record ID", "name": "Deal Name", "stage": "Deal Stage", "amount": "Amount",
                "owner": "Deal owner", "created_at": "Create Date", "close": "Close Date", "kind": "Deal Type",
                "modified": "Last Modified Date"},
    "dynamics": {"deal_id": "(Do Not Modify) Opportunity", "name": "Topic", "stage": "Pipeline Phase",
                 "amount": "Est. Revenue", "owner": "Owner", "created_at": "Created On",
                 "expected_close": "Est. Close Date",
                 "closed_at": "Actual Close Date", "probability": "Probability",
                 "modified": "(Do Not Modify) Modified On"},
    "pipedrive": {"deal_id": "Deal - ID", "name": "Deal - Title", "stage": "Deal - Stage", "amount": "Deal - Value",
                  "owner": "Deal - Owner", "created_at": "Deal - Deal created",
                  "expected_close": "Deal - Expected close date", "closed_at": "Deal - Deal closed on",
                  "probability": "Deal - Probability", "modified": "Deal - Update time"},
    "zoho": {"deal_id": "Record Id", "name": "Deal Name", "stage": "Stage", "amount": "Amount", "owner": "Deal Owner",
             "created_at": "Created Time", "close": "Closing Date", "source": "Lead Source",
             "probability": "Probability (%)", "modified": "Modified Time", "kind": "Type"},
    "odoo": {"deal_id": "id", "name": "Opportunity", "stage": "stage_id", "amount": "Total Revenue",
             "owner": "Salesperson", "created_at": "Created on", "expected_close": "Expected Closing",
             "closed_at": "Closed Date", "probability": "Probability"},
    "fxiaoke": {"deal_id": "商机编号", "name": "商机名称", "stage": "商机阶段", "amount": "商机金额(元)",
                "owner": "负责人",
                "created_at": "创建时间", "expected_close": "预计成交日期", "closed_at": "实际成交日期",
                "source": "商机来源",
                "probability": "赢率", "modified": "最后修改时间"},
    "xiaoshouyi": {"deal_id": "销售机会编号", "name": "销售机会名称", "stage": "销售阶段", "amount": "销售金额",
                   "owner": "销售机会所有人", "created_at": "创建日期", "expected_close": "预计结单日期",
                   "closed_at": "结单日期", "probability": "可能性", "kind": "机会类型", "modified": "更新时间"},
    "a german's sheet in English": {"deal_id": "No.", "name": "Customer", "stage": "Sales phase",
                                    "amount": "Value in k€",
                                    "owner": "Sales rep", "created_at": "Date opened",
                                    "expected_close": "Planned close",
                                    "closed_at": "Date won", "source": "Channel"},
    "a small team's sheet": {"deal_id": "deal_no", "name": "company", "stage": "status", "amount": "deal_size_usd",
                             "owner": "account_exec", "created_at": "date_added", "expected_close": "target_close_date",
                             "closed_at": "closed_on", "source": "how_did_they_find_us_source"},
    "a Chinese team's sheet": {"deal_id": "项目编号", "name": "客户名称", "stage": "当前阶段",
                               "amount": "合同金额（万元）",
                               "owner": "业务员", "created_at": "立项日期", "expected_close": "预计签单日期",
                               "closed_at": "签单日期", "source": "客户来源", "industry": "所属行业"},
    "a warehouse": {"deal_id": "opportunity_key", "name": "opportunity_name", "stage": "current_stage_name",
                    "amount": "opportunity_amount", "owner": "owner_user_id", "created_at": "created_timestamp",
                    "expected_close": "expected_close_dt_date", "closed_at": "closed_date",
                    "modified": "_fivetran_synced",
                    "deleted": "is_deleted"},
}


def deals(n: int = 200, *, chinese: bool = False, seed: int = 7) -> pd.DataFrame:
    """Deals by role, as text: expected_close of all, closed_at of the ended, close as CRMs with one date have it."""
    chance = random.Random(seed)
    stages = CHINESE_STAGES if chinese else ENGLISH_STAGES
    people = _PEOPLE["zh" if chinese else "en"]
    rows = []
    for i in range(n):
        created = date(2024, 1, 3) + timedelta(days=chance.randrange(500))
        stage = chance.choices(stages, weights=[2, 2, 1, 3, 4])[0]
        expected = created + timedelta(days=chance.randrange(20, 160))
        closed = created + timedelta(days=chance.randrange(5, 200)) if stage in stages[3:] else None
        rows.append({
            "deal_id": f"{'SJ' if chinese else 'D'}-{10_000 + i * 3}",
            "name": f"{'项目' if chinese else 'Project'} {i}",
            "stage": stage, "amount": f"{chance.lognormvariate(9, 1):.2f}", "owner": chance.choice(people),
            "created_at": created.isoformat(), "expected_close": expected.isoformat(),
            "closed_at": closed.isoformat() if closed else "", "close": (closed or expected).isoformat(),
            "source": chance.choice(["展会", "官网", "转介绍"] if chinese else ["Web", "Partner", "Trade fair"]),
            "industry": chance.choice(["制造", "零售"] if chinese else ["Retail", "Logistics"]),
            "probability": str(chance.choice([10, 25, 50, 75, 100])), "kind": chance.choice(["New Business",
                                                                                             "Renewal"]),
            "modified": (created + timedelta(days=300)).isoformat(), "deleted": "false"})
    return pd.DataFrame(rows)


def write_deals(path: Path, headers: dict[str, str], *, chinese: bool = False, seed: int = 7) -> Path:
    """The deals under these headers, in their order, as a CSV file."""
    frame = deals(chinese=chinese, seed=seed)[list(headers)].set_axis(list(headers.values()), axis=1)
    frame.to_csv(path, index=False)
    return path
