"""A dashboard as a picture: panels where Grafana puts them, drawn with matplotlib (Debian: python3-matplotlib)."""
import datetime

import matplotlib
matplotlib.use("Agg")
# pylint: disable=wrong-import-position
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

# Addresses to the names that stand for them in legends.
NAMES = {}
PAPER, INK, FAINT = "#ffffff", "#1f2430", "#8a8f9c"
COLORS = ["#3274d9", "#56a64b", "#e0752d", "#a352cc", "#37a2b5", "#e02f44", "#b5951d", "#7a6a5b", "#f29191", "#5f6caf",
          "#2f7f5f", "#c15c17", "#8f3bb8", "#1f78c1", "#bf1b00", "#6d8b33"]
NAMED = {"red": "#e02f44", "orange": "#e0752d", "green": "#56a64b", "blue": "#3274d9"}
# Inches for one unit of Grafana's grid, of which there are 24 in a row.
WIDE, TALL = 0.62, 0.31


def picture(board, drawn, span, path):
    """Writes the picture of one dashboard."""
    bottom = max(place["y"] + place["h"] for place in (panel["gridPos"] for panel in board.panels))
    figure = pyplot.figure(figsize=(24 * WIDE, (bottom + 2) * TALL), facecolor=PAPER)
    size = (24, bottom + 2)
    when = datetime.datetime.fromtimestamp(span.start)
    figure.text(0.01, 1 - 1.1 / size[1], board.title, size=15, weight="bold", color=INK, va="center")
    said = f"{(span.end - span.start) / 60:.1f} minutes from {when:%H:%M:%S}; rates over {span.window}"
    figure.text(0.99, 1 - 1.1 / size[1], said, size=9, color=FAINT, va="center", ha="right")
    what = "   ".join(f"{at + 1}  {what}" for at, (_, what) in enumerate(span.marks))
    figure.text(0.5, 1 - 1.1 / size[1], what, size=9, color=INK, va="center", ha="center")
    for row in (panel for panel in board.panels if panel["type"] == "row"):
        top = 1 - (row["gridPos"]["y"] + 2.6) / size[1]
        figure.text(0.01, top, row["title"], size=11, weight="bold", color=FAINT, va="center")
    for panel, series in drawn:
        draw(figure, size, panel, series, span)
    figure.savefig(path, dpi=100, facecolor=PAPER)
    pyplot.close(figure)
    # A palette: a third of the size, and nothing lost that the eye sees.
    Image.open(path).convert("RGB").quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)


def draw(figure, size, panel, series, span):
    """One panel in its place."""
    place = panel["gridPos"]
    left, top = (place["x"] + 0.25) / size[0], 1 - (place["y"] + 2.15) / size[1]
    width, height = (place["w"] - 0.5) / size[0], (place["h"] - 0.3) / size[1]
    figure.text(left, top - 0.45 / size[1], panel["title"], size=9, weight="bold", color=INK, va="center")
    if panel["type"] == "stat":
        return stat(figure, (left, top, height), panel, series)
    if not series:
        return figure.text(left + width / 2, top - height / 2, "no data", size=10, color=FAINT, ha="center")
    series = [(named(legend), points) for legend, points in series]
    many = panel["type"] != "piechart"
    names = sorted({legend for legend, _ in series})
    columns = max(2, int(place["w"] / 2.6)) if many else 1
    lines = 1 if panel["type"] == "state-timeline" else min(3, -(-len(names) // columns))
    box = [left + (1.15 if many else 0.3) / size[0], top - height + (lines * 0.55 + 0.75) / size[1],
           width - (1.35 if many else 0.6) / size[0], height - (lines * 0.55 + 1.75) / size[1]]
    axes = figure.add_axes(box, facecolor=PAPER)
    {"timeseries": lines_of, "piechart": pie, "state-timeline": timeline}[panel["type"]](axes, panel, series, span)
    if panel["type"] == "timeseries":
        under(axes, columns, lines)
    return None


def named(legend):
    """A legend with names for addresses."""
    for address, name in NAMES.items():
        legend = legend.replace(address, name)
    return legend


def stat(figure, place, panel, series):
    """One number, in the color of its threshold."""
    left, top, height = place
    value = series[0][1][-1][1] if series else None
    color = INK
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        if value is not None and (step["value"] is None or value >= step["value"]):
            color = NAMED[step["color"]]
    text = "no data" if value is None else amount(value, panel["fieldConfig"]["defaults"]["unit"])
    figure.text(left, top - height * 0.62, text, size=19, weight="bold", color=color, va="center")


def lines_of(axes, panel, series, span):
    """Lines, or areas on top of each other, with the events."""
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    if stacked:
        stack(axes, series, span)
    else:
        for at, (legend, points) in enumerate(series):
            segments = broken(points, span.step)
            for index, segment in enumerate(segments):
                axes.plot(*zip(*segment), color=COLORS[at % len(COLORS)], lw=1.3, label=None if index else legend)
    frame(axes, span)
    axes.set_ylim(bottom=0, top=defaults.get("max") and defaults["max"] * 1.03)
    if axes.get_ylim()[1] < 1e-6:
        axes.set_ylim(0, 1)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value, defaults["unit"])))
    axes.grid(axis="y", color="#e4e6eb", lw=0.6)


def stack(axes, series, span):
    """Areas on top of each other; the largest twelve have a name."""
    times = sorted({when for _, points in series for when, _ in points})
    series = sorted(series, key=lambda one: -sum(value for _, value in one[1]))
    values = [[dict(points).get(when, 0) for when in times] for _, points in series]
    values = [[0 if value != value else value for value in row] for row in values]
    labels = [legend if at < 12 else None for at, (legend, _) in enumerate(series)]
    colors = [COLORS[at % len(COLORS)] for at in range(len(series))]
    axes.stackplot(times, values, labels=labels, colors=colors, lw=0, alpha=0.85)


def broken(points, step):
    """Pieces of a line: it ends where values are missing."""
    pieces, last = [[]], None
    for when, value in points:
        if value != value or (last is not None and when - last > 2.5 * step):
            pieces.append([])
        if value == value:
            pieces[-1].append((when, value))
        last = when
    return [piece for piece in pieces if piece]


def pie(axes, panel, series, _span):
    """Shares of a whole."""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    series = sorted(series, key=lambda one: -one[1][-1][1])
    values = [max(0, points[-1][1]) for _, points in series]
    edges = {"lw": 0.8, "edgecolor": PAPER}
    wedges, _ = axes.pie(values, colors=COLORS, startangle=90, counterclock=False, wedgeprops=edges)
    labels = [f"{legend} {amount(value, unit)}" for (legend, _), value in zip(series, values)]
    axes.legend(wedges, labels, loc="upper center", bbox_to_anchor=(0.5, 0.02), fontsize=7.5, frameon=False, ncol=1,
                labelspacing=0.2, handlelength=1)


def timeline(axes, panel, series, span):
    """A bar for each state."""
    mapping = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    series = sorted(series, reverse=True)
    seen = set()
    for row, (_, points) in enumerate(series):
        for when, value in points:
            state = mapping.get(f"{value:.0f}")
            if state:
                label = None if state["text"] in seen else state["text"]
                seen.add(state["text"])
                color = NAMED.get(state["color"], state["color"])
                axes.barh(row, span.step * 1.05, left=when, height=0.6, color=color, lw=0, label=label)
    frame(axes, span)
    axes.set_yticks(range(len(series)), [legend for legend, _ in series])
    axes.tick_params(axis="y", labelsize=7.5)
    axes.set_ylim(-0.6, len(series) - 0.2)
    axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.13), fontsize=7.5, frameon=False, ncol=4, handlelength=1)


def frame(axes, span):
    """Time below, events as dashed lines."""
    axes.set_xlim(span.start, span.end)
    steps = (15, 30, 60, 300, 600, 1800, 3600, 86400)
    every = next((step for step in steps if (span.end - span.start) / step < 8), steps[-1])
    ticks = range(0, int(span.end - span.start), every)
    axes.set_xticks([span.start + tick for tick in ticks], [f"{tick // 60}:{tick % 60:02}" for tick in ticks])
    axes.tick_params(colors=FAINT, labelsize=7.5, length=2)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#c9ccd3")
    for at, (when, what) in enumerate(span.marks):
        axes.axvline(when, color=FAINT, lw=0.7, ls=(0, (3, 3)))
        axes.text(when, 1.02, f"{at + 1}", transform=axes.get_xaxis_transform(), size=7, color=FAINT, ha="center")


def under(axes, columns, lines):
    """The legend below, as much of it as there is room for."""
    handles, labels = axes.get_legend_handles_labels()
    most = columns * lines
    axes.legend(handles[:most], labels[:most], loc="upper left", bbox_to_anchor=(-0.1, -0.11), ncol=columns,
                fontsize=7.5, frameon=False, labelspacing=0.2, handlelength=1, columnspacing=1)


def amount(value, unit):
    """A value with its unit."""
    if unit == "percentunit":
        return f"{value * 100:.3g} %" if value < 0.9995 or value > 1.0005 else "100 %"
    if unit in ("bytes", "Bps"):
        for prefix in ("", "Ki", "Mi", "Gi"):
            if abs(value) < 1024 or prefix == "Gi":
                return f"{value:.3g} {prefix}B" + ("/s" if unit == "Bps" else "")
            value /= 1024
    if unit == "s":
        if value == 0:
            return "0"
        return f"{value * 1e6:.3g} µs" if value < 1e-3 else f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text + {"µs": " µs", "ms": " ms", "reqps": "/s", "cps": "/s"}.get(unit, "")
