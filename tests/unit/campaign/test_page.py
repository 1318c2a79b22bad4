import json

from v2g_bench.campaign.page import MOST_FAILURES, page
from v2g_bench.commands.campaign import summary_of


def rows(count, failed):
    return [
        {
            "name": f"n-{n}",
            "faults": json.dumps([{"kind": "over_temperature", "cell": 1, "to_c": 44.0 + n, "at_s": 0.01}]),
            "failed": "isolation" if n < failed else "",
            "said": "isolation at 61 ms: <8 A> flow" if n < failed else "",
            "due": True,
            "tripped": True,
            "end_s": 0.2,
            "latency_ms": 8.0 + n,
        }
        for n in range(count)
    ]


def shown(count, failed):
    found = rows(count, failed)
    return page(found, summary_of(found) | {"campaign": "c", "seed": 1, "core": "reference", "sha256": "ab" * 32})


def test_the_page_says_what_failed_and_where_it_has_been():
    text = shown(60, 55)
    assert "60 scenarios, 55 failed" in text
    assert "isolation at 61 ms: &lt;8 A&gt; flow" in text
    assert text.count("<td>n-") == MOST_FAILURES
    assert "and 5 more" in text
    assert "67.00 ms" in text
    assert "<svg" in text
    assert "no hardware was measured" in text


def test_a_good_campaign_lists_no_failure():
    assert "Failures" not in shown(3, 0)
