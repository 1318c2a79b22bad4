import json
import xml.etree.ElementTree as ElementTree

import pytest

from v2g_bench.campaign.coverage import pairs, planes, svg


def row(*faults, failed=""):
    return {"faults": json.dumps([dict(kind=kind, **more) for kind, more in faults]), "failed": failed}


def hot(to_c, at_s):
    return ("over_temperature", {"cell": 17, "to_c": to_c, "ramp_k_per_s": 0.0, "at_s": at_s})


ROWS = [
    row(hot(44.0 + 0.01 * n, 0.001 * (n * 37 % 100)), failed="isolation" if n == 60 else "") for n in range(100)
] + [row(hot(44.5, 0.05), ("bms_silence", {"at_s": 0.02}))]


def test_the_share_of_the_plane_is_counted():
    silence, over = sorted(planes(ROWS), key=lambda plane: plane.kind)
    assert (over.kind, over.field) == ("over_temperature", "to_c")
    assert len(over.dots) == 101
    assert sum(bad for _, _, bad in over.dots) == 1
    hit = {(min(9, int((x - 44) / 0.99 * 10)), min(9, int(y / 99 * 10))) for x, y, _ in over.dots}
    assert over.share == pytest.approx(len(hit) / 100)
    assert (silence.field, silence.share) == ("", 0.1)


def test_pairs_are_counted():
    assert pairs(ROWS) == {("bms_silence", "over_temperature"): 1}


def test_the_picture_is_an_image_with_every_failure():
    image = ElementTree.fromstring(svg(ROWS, "a < b"))
    circles = [node for node in image.iter() if node.tag.endswith("circle")]
    assert len(circles) == 102
    assert sum(node.get("class") == "bad" for node in circles) == 1
    assert any(node.text == "a < b" for node in image.iter())
