"""Medians, ratios and claims, as text, Markdown and plain data."""

import re
import statistics

LABELS = {
    "deliveries_per_s": "deliveries/s",
    "events_per_s": "events/s",
    "cpu_ns": "server CPU per delivery",
    "p50_us": "p50",
    "p99_us": "p99",
    "anon_per_subscriber": "user memory per subscriber",
    "bytes_per_topic": "memory per topic",
    "anon_growth": "user memory growth",
    "held": "subscribers held",
    "with_event": "reached at the end",
    "answer_bytes": "bytes of an answer",
}
COUNTED = ("lost", "duplicates", "out_of_order", "altered", "calls_failed", "netdev_dropped")
NO_RATIO = {"held", "with_event", "anon_growth", "answer_bytes"}


def scaled(value, steps):
    for limit, unit in steps:
        if abs(value) >= limit:
            number = value / limit
            digits = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2
            return f"{number:.{digits}f}{unit}"
    return f"{value:.0f}"


def show(metric, value):
    if metric in ("deliveries_per_s", "events_per_s"):
        return scaled(value, ((1e6, " M"), (1e3, " k")))
    if metric == "cpu_ns":
        return f"{value:.0f} ns"
    if metric.endswith("_us"):
        return scaled(value, ((1e6, " s"), (1e3, " ms"), (1, " µs"))) if value >= 1 else "<1 µs"
    if metric in ("anon_per_subscriber", "bytes_per_topic", "anon_growth"):
        steps = ((1 << 20, " MiB"), (1 << 10, " KiB"))
        text = scaled(value, steps)
        return text if text.endswith("iB") else f"{text} B"
    return f"{value:.0f}"


def summarize(samples):
    """{subject: [sample]} → {subject: {"runs", "failures", metric: {"median", "min", "max"}}}."""
    summary = {}
    for subject, runs in samples.items():
        good = [run for run in runs if "failed" not in run]
        entry = {"runs": len(good), "failures": [run["failed"] for run in runs if "failed" in run]}
        for metric in sorted({name for run in good for name in run}):
            values = [
                run[metric]
                for run in good
                if isinstance(run.get(metric), (int, float))
                and not isinstance(run.get(metric), bool)
            ]
            if values:
                entry[metric] = {
                    "median": statistics.median(values),
                    "min": min(values),
                    "max": max(values),
                }
        summary[subject] = entry
    return summary


def medians(summary):
    """What claims are judged by. One wrong delivery in any run counts, so `wrong` is the worst
    run."""
    figures = {}
    for subject, entry in summary.items():
        figures[subject] = {
            name: value["median"] for name, value in entry.items() if isinstance(value, dict)
        }
        if "wrong" in entry:
            figures[subject]["wrong"] = entry["wrong"]["max"]
    return figures


def judge(scenario, summary):
    figures = medians(summary)
    judged = []
    for claim in scenario.claims:
        try:
            value = claim.value(figures)
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            value = None
        judged.append(
            {
                "claim": claim.text,
                "bound": claim.bound(),
                "value": value,
                "holds": None if value is None else claim.holds(value),
            }
        )
    return judged


def ratio_text(metric, subject, summary, ours_is):
    """How many times the other's figure ours is."""
    if subject == ours_is or metric in NO_RATIO:
        return ""
    ours = summary.get(ours_is, {}).get(metric)
    theirs = summary[subject].get(metric)
    if not ours or not theirs or theirs["median"] <= 0:
        return ""
    value = ours["median"] / theirs["median"]
    digits = 1 if value >= 10 else 2 if value >= 0.1 else 3
    return f"{value:.{digits}f}×"


def table(scenario, summary):
    """Rows of cells; the first row is the header. Two cells for each metric: figure and ratio."""
    header = ["server"]
    for metric in scenario.metrics:
        label = LABELS[metric]
        for word, instead in scenario.words.items():
            label = label.replace(word, instead)
        header.append(label)
        if metric not in NO_RATIO:
            header.append(f"{scenario.ours} is")
    rows = [header]
    for subject, entry in summary.items():
        row = [subject]
        for metric in scenario.metrics:
            value = entry.get(metric)
            if value is None:
                row.append("failed" if not entry["runs"] else "–")
            elif entry["runs"] == 1:
                row.append(show(metric, value["median"]))
            else:
                row.append(
                    f"{show(metric, value['median'])} "
                    f"({show(metric, value['min'])}..{show(metric, value['max'])})"
                )
            if metric not in NO_RATIO:
                row.append(ratio_text(metric, subject, summary, scenario.ours))
        rows.append(row)
    return rows


def notes(samples):
    """What a reader of the figures must know, once per subject."""
    found = []
    for subject, runs in samples.items():
        texts = {}
        for run in runs:
            said = []
            if "failed" in run:
                said.append(f"failed: {run['failed']}")
            for part in COUNTED:
                if run.get(part):
                    said.append(f"{part.replace('_', ' ')}")
            if run.get("disturbed"):
                said.append("disturbed by other processes")
            if run.get("client_bound"):
                said.append("the client was the limit")
            said += run.get("warnings", [])
            for text in said:  # the same words with other numbers are one note
                kind = re.sub(r"\d+", "N", text)
                first, count = texts.get(kind, (text, 0))
                texts[kind] = (first, count + 1)
        worst = {
            part: max((run.get(part) or 0 for run in runs), default=0)
            for part in COUNTED
        }
        for text, count in texts.values():
            if text.startswith("disturbed"):
                share = max(run.get("others_share", 0) for run in runs)
                text += f" (at most {share:.0%} of the machine)"
            most = worst.get(text.replace(" ", "_"))
            detail = f" (at most {most})" if most else ""
            found.append(f"{subject}: {text}{detail}, {count} of {len(runs)} runs")
    return found


def claim_lines(judged):
    words = {True: "holds", False: "DOES NOT HOLD", None: "not measured"}
    for entry in judged:
        value = "–" if entry["value"] is None else f"{entry['value']:.3g}"
        yield entry["claim"], value, entry["bound"], words[entry["holds"]]


def text(scenario, samples, summary, judged, rounds):
    lines = [f"{scenario.name}: {scenario.text} ({rounds} rounds)"]
    rows = table(scenario, summary)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        lines.append("  " + "  ".join(cells).rstrip())
    for claim, value, bound, word in claim_lines(judged):
        lines.append(f"  {claim}: {value} ({bound}) {word}")
    lines += [f"  note: {note}" for note in notes(samples)]
    return "\n".join(lines) + "\n"


def markdown(scenario, samples, summary, judged, rounds):
    rows = table(scenario, summary)
    lines = [f"**{scenario.name}** – {scenario.text}; medians of {rounds} (min..max)", ""]
    lines.append("| " + " | ".join(rows[0]) + " |")
    lines.append("|---" + "|---:" * (len(rows[0]) - 1) + "|")
    lines += ["| " + " | ".join(row) + " |" for row in rows[1:]]
    lines.append("")
    for claim, value, bound, word in claim_lines(judged):
        lines.append(f"- {claim}: {value} ({bound}), {word}")
    lines += [f"- {note}" for note in notes(samples)]
    return "\n".join(lines) + "\n"
