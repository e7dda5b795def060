"""Where the time of jobs goes, as a picture: `python -m benchmarks.picture`.

Reads `benchmarks/results/jobs.json` and writes `jobs.svg` beside it.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
COLOURS = {
    "queued": "#bbbbbb",
    "running": "#999999",
    "preparing": "#66ccee",
    "searching": "#4477aa",
    "retraining": "#228833",
    "verifying": "#aa3377",
    "evaluating": "#ccbb44",
    "publishing": "#ee6677",
}
WIDTH, LEFT, BAR, GAP = 900, 170, 26, 16


def picture(jobs: list[tuple[str, dict[str, float]]]) -> str:
    """Return an SVG of one bar a job, cut into its stages."""
    longest = max(sum(stages.values()) for _, stages in jobs)
    scale = (WIDTH - LEFT - 90) / longest
    height = 60 + len(jobs) * (BAR + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for at, (stage, colour) in enumerate(COLOURS.items()):
        x = 10 + at * 108
        lines.append(f'<rect x="{x}" y="12" width="12" height="12" fill="{colour}"/>')
        lines.append(f'<text x="{x + 17}" y="23">{stage}</text>')
    for row, (name, stages) in enumerate(jobs):
        end = float(LEFT)
        y = 48 + row * (BAR + GAP)
        lines.append(f'<text x="10" y="{y + 18}">{escape(name)}</text>')
        for stage, seconds in stages.items():
            long = seconds * scale
            title = f"<title>{escape(stage)}: {seconds:.0f} s</title>"
            lines.append(
                f'<rect x="{end:.1f}" y="{y}" width="{long:.1f}" height="{BAR}"'
                f' fill="{COLOURS.get(stage, "#000000")}">{title}</rect>'
            )
            end += long
        lines.append(
            f'<text x="{end + 6:.1f}" y="{y + 18}">{sum(stages.values()):.0f} s</text>'
        )
    return "\n".join([*lines, "</svg>", ""])


def main() -> None:
    told = json.loads((RESULTS / "jobs.json").read_text())["jobs"]
    jobs = [(job["job"], job["stages_s"]) for job in told]
    (RESULTS / "jobs.svg").write_text(picture(jobs))


if __name__ == "__main__":
    main()
