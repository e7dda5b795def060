/* Draws charts that charts.py describes, in the colours of the page's theme. */
"use strict";

const Charts = (() => {
  const css = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function axis(given) {
    const { title, ...rest } = given || {};
    return {
      gridcolor: css("--line"), zerolinecolor: css("--line"), automargin: true,
      ...rest, title: { text: title || "" },
    };
  }

  /* A legend in rows below: the narrower the page, the more of them. */
  function sized(layout, data, width) {
    const plot = (layout.height || 380) - 120;
    const wide = 60 + 7 * Math.max(...data.map(({ name }) => (name || "").length));
    const rows = layout.showlegend === false ? 0
      : Math.ceil(data.length / Math.max(1, Math.floor((width - 80) / wide)));
    return {
      height: plot + 80 + 20 * rows, margin: { l: 60, r: 20, t: 10, b: 60 + 20 * rows },
      legend: { orientation: "h", y: -55 / plot, yanchor: "top" },
    };
  }

  function themed(layout, data, width) {
    return {
      hovermode: "closest", ...layout, ...sized(layout, data, width),
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: css("--font"), color: css("--ink"), size: 13 },
      xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis),
    };
  }

  function cells(row, kind) {
    const made = document.createElement("tr");
    row.forEach((text, at) => {
      const cell = document.createElement(kind === "th" || at === 0 ? "th" : "td");
      if (cell.tagName === "TH") cell.scope = kind === "th" ? "col" : "row";
      cell.textContent = text;
      made.append(cell);
    });
    return made;
  }

  function fill(table, content) {
    const head = document.createElement("thead");
    head.append(cells(content.columns, "th"));
    const body = document.createElement("tbody");
    content.rows.forEach((row) => body.append(cells(row, "td")));
    table.replaceChildren(table.caption, head, body);
  }

  function section(chart) {
    const made = document.createElement("section");
    made.className = "chart";
    made.id = `chart-${chart.id}`;
    const title = document.createElement("h3");
    title.textContent = chart.title;
    const about = document.createElement("p");
    about.textContent = chart.about;
    const plot = document.createElement("div");
    plot.className = "plot";
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `${chart.title}. ${chart.about}`);
    const more = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = "In numbers";
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", `${chart.title}, in numbers`);
    const table = document.createElement("table");
    table.createCaption().textContent = chart.title;
    scroll.append(table);
    more.append(summary, scroll);
    made.append(title, about, plot, more);
    return made;
  }

  const drawn = new Map();

  function draw(holder, charts) {
    charts.forEach((chart, at) => {
      let place = document.getElementById(`chart-${chart.id}`);
      if (!place) {
        place = section(chart);
        const after = charts.slice(at + 1).map(({ id }) => document.getElementById(`chart-${id}`));
        holder.insertBefore(place, after.find((each) => each) || null);
      }
      place.querySelector("p").textContent = chart.about;
      fill(place.querySelector("table"), chart.table);
      drawn.set(chart.id, chart);
      const data = chart.data.map((each) => each.error_x
        ? { ...each, error_x: { color: css("--soft"), ...each.error_x } } : each);
      Plotly.react(place.querySelector(".plot"), data, themed(chart.layout, data, holder.clientWidth), {
        displayModeBar: false, responsive: true, displaylogo: false,
      });
    });
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    drawn.forEach((chart) => draw(document.body, [chart])));

  return { draw };
})();
