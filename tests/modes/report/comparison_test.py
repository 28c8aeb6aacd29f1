"""The page of several runs."""

import json
import shutil

from gan_jax.modes.report.report_run import report


def test_a_comparison_overlays_runs_and_says_how_they_differ(
    run, tmp_path, short_plotly, parse, write_evaluation
):
    other = shutil.copytree(run, tmp_path / "other" / "run")
    content = json.loads((other / "config.json").read_text())
    content["config"]["batch_size"] = 99
    (other / "config.json").write_text(json.dumps(content))
    write_evaluation(run, 4, {"fid": 20.0, "kid": 0.1}, fake_count=10)
    write_evaluation(other, 4, {"fid": 10.0, "recall": 0.5}, fake_count=20)
    output = tmp_path / "c.html"
    line = report([run, other], output=output)
    assert line.startswith("report of 2 runs: ")
    parsed = parse(output.read_text(encoding="utf-8"))
    names = [f"{tmp_path.name}/run", "other/run"]
    assert [r for r in parsed.text_of("th") if r in names][:2] == names
    assert "How the configs differ" in parsed.text_of("h2")
    assert "batch_size" in parsed.text_of("th")
    assert "learning_rate" not in parsed.text
    assert "compare only those of one number" in parsed.text
    fid = next(
        figure
        for figure in parsed.data["charts"].values()
        if figure["layout"]["yaxis"]["title"]["text"] == "FID"
    )
    assert [trace["name"] for trace in fid["data"]] == [
        f"{names[0]}, protocol 1",
        f"{names[1]}, protocol 2",
    ]
    # A run has its color on every chart, also where the other has no line.
    colors = {
        trace["name"].partition(",")[0]: trace["line"]["color"]
        for figure in parsed.data["charts"].values()
        for trace in figure["data"]
    }
    for figure in parsed.data["charts"].values():
        for trace in figure["data"]:
            assert trace["line"]["color"] == colors[trace["name"].partition(",")[0]]
    assert len(set(colors.values())) == 2
    assert len([image for image in parsed.all("img") if "Grid" in image["alt"]]) == 2
    write_evaluation(other, 4, {"fid": 10.0}, fake_count=10)
    output.unlink()
    report([run, other], output=output)
    assert "compare only" not in output.read_text(encoding="utf-8")
