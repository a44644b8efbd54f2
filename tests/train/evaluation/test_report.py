"""What an evaluation says beyond single frames: identity, time, others' networks, and the report itself."""

import re

import numpy as np
import pytest
import torch
from app_server import chromium
from gfla.train.evaluation import metrics
from gfla.train.evaluation.pretrained_metrics import IdentityEmbedding, Lpips, frechet_distance
from gfla.train.evaluation.report import remarks, write_report
from gfla.train.evaluation.self_reenactment import COLUMNS, TIMES, Evaluation
from gfla.train.losses.perceptual import PerceptualFeatures
from playwright.sync_api import sync_playwright


def test_residual_error_by_hand():
    """The output grows by 3, the truth by 1: they differ by 2 of 255 everywhere."""
    grey = [np.full((8, 8, 3), value, np.uint8) for value in (100, 103, 50, 51)]
    assert metrics.residual_error((grey[0], grey[1]), (grey[2], grey[3])) == pytest.approx(2 / 255)


def test_stillness_is_blind_to_noise_and_sees_movement():
    rng = np.random.default_rng(0)
    noisy = [np.clip(120 + rng.normal(0, 2, (64, 64, 3)), 0, 255).round().astype(np.uint8) for _ in range(2)]
    assert metrics.still(*noisy).mean() > 0.95
    moved = noisy[1].copy()
    moved[20:40, 20:40] += 30
    where = metrics.still(noisy[0], moved)
    assert not where[22:38, 22:38].any()
    assert where[:8].all()
    change = metrics.change(np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 4, np.uint8), np.eye(2) > 0)
    assert change == 8


def test_an_embedding_is_judged_by_the_people_it_tells_apart(squeezenet):
    embedding = IdentityEmbedding(PerceptualFeatures(squeezenet))
    rng = np.random.default_rng(0)
    people = {str(i): rng.normal(size=20) for i in range(6)}
    halves = {
        name: (who + 0.1 * rng.normal(size=20), who + 0.1 * rng.normal(size=20))
        for name, who in people.items()
    }
    assert embedding.separation(halves) == 1
    strangers = {name: (rng.normal(size=20), rng.normal(size=20)) for name in map(str, range(40))}
    chance = embedding.separation(strangers)
    assert chance is not None
    assert 0.3 < chance < 0.7
    assert embedding.separation({"a": (np.ones(3), np.ones(3))}) is None


def test_lpips_is_the_weighted_distance_of_unit_features(tmp_path):
    torch.manual_seed(0)
    sizes = ((3, 64, 11), (64, 192, 5), (192, 384, 3), (384, 256, 3), (256, 256, 3))
    backbone, heads = {}, {}
    for n, (index, (inputs, outputs, k)) in enumerate(zip((0, 3, 6, 8, 10), sizes, strict=True)):
        backbone[f"features.{index}.weight"] = torch.randn(outputs, inputs, k, k) * (2 / inputs / k**2) ** 0.5
        backbone[f"features.{index}.bias"] = torch.zeros(outputs)
        heads[f"lin{n}.model.1.weight"] = torch.zeros(1, outputs, 1, 1)
    heads["lin0.model.1.weight"] += 0.5
    torch.save(backbone, tmp_path / "alex.pth")
    torch.save(heads, tmp_path / "heads.pth")
    net = Lpips(tmp_path / "alex.pth", tmp_path / "heads.pth")
    a, b = (torch.rand(1, 3, 64, 64) * 2 - 1 for _ in range(2))
    assert net(a, a).item() == 0
    shift, scale = torch.tensor((-0.030, -0.088, -0.188)), torch.tensor((0.458, 0.448, 0.450))
    units = []
    for image in (a, b):
        x = (image - shift[:, None, None]) / scale[:, None, None]
        y = torch.relu(torch.nn.functional.conv2d(x, backbone["features.0.weight"], None, 4, 2))
        units.append(y / (y.norm(dim=1, keepdim=True) + 1e-10))
    expected = 0.5 * (units[0] - units[1]).square().sum(1).mean().item()
    assert net(a, b).item() == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="no AlexNet"):
        Lpips(tmp_path / "heads.pth", tmp_path / "heads.pth")


def test_frechet_distance_of_known_gaussians():
    """Means 3 apart in one of two dimensions, variances 1 and 4: 9 + 2 (1 + 4 - 2 sqrt 4)."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(20000, 2))
    a = (a - a.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(a, rowvar=False)).T)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, 2 * a + (3, 0)) == pytest.approx(9 + 2)


@pytest.fixture
def report(tmp_path):
    """A report of two clips, the second of which is worse."""

    def clips(good: float, bad: float) -> dict[str, dict[str, float]]:
        return {
            "good": dict.fromkeys((*COLUMNS, *TIMES), good),
            "bad<i>": dict.fromkeys((*COLUMNS, *TIMES), bad),
        }

    picture = np.full((16, 16, 3), 200, np.uint8)
    shown = {"source": picture, "ours": picture}
    result = Evaluation(
        scores={"spline": clips(1.0, 1.0), "ours": clips(0.5, 0.9)},
        auc=0.5,
        pictures={"good": shown, "bad<i>": shown},
    )
    assert "identity" not in result.columns
    assert result.ratios() == {"good": 0.5, "bad<i>": 0.9}
    assert any("not available" in line and "0.500" in line for line in remarks(result))
    (tmp_path / "bad<i>.ours.mp4").write_bytes(b"video")
    write_report(tmp_path / "report.html", result, "w")
    return tmp_path / "report.html"


def test_the_report_stands_alone_and_begins_with_the_worst(report):
    text = report.read_text()
    assert text.index("bad&lt;i&gt;") < text.index("<h3>good")
    assert "<i>" not in text
    assert len(re.findall("src='data:image/jpeg;base64,", text)) == 4
    assert re.findall(r"(?:src|href)=['\"](?!data:)([^'\"]+)", text) == ["bad%3Ci%3E.ours.mp4"]
    assert "<b>ours</b>: the weights that are measured" in text
    assert "<th>psnr &uarr;</th>" in text
    assert "<th>sharpness &rarr;1</th>" in text
    assert "<b>akd</b>: mean distance of found landmarks, px; lower is better" in text
    assert not list(report.parent.glob("*.part*"))


@pytest.mark.slow
@pytest.mark.skipif(chromium() is None, reason="no Chromium here: the report is not opened in a browser")
def test_the_report_opens_in_a_browser_and_asks_for_nothing(report):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page, asked, wrong = browser.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(report.as_uri())
        widths = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
        names = page.locator("h3").all_inner_texts()
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, "a phone"
        browser.close()
    assert widths == [16] * 4
    assert [name.split()[0] for name in names[:2]] == ["bad<i>", "good"]
    assert [url for url in asked if not url.startswith(("data:", report.as_uri()))] == wrong == []
