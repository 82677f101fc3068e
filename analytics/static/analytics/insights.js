// Insights: charts of the tables below them. Without this file, or without Chart.js, the tables stay.
"use strict";

(() => {
  const MOST = 12; // lines or parts that an eye tells apart; the table has them all
  const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3]];
  const POINTS = ["circle", "rect", "triangle", "crossRot", "star"];

  // What is seen stands in the admin's style sheets, in light and in dark.
  const colours = () => {
    const style = getComputedStyle(document.body);
    const of = (name) => style.getPropertyValue(name).trim();
    return {
      ink: of("--body-fg"),
      soft: of("--body-quiet-color"),
      line: of("--hairline-color"),
      ground: of("--body-bg"),
      lines: [1, 2, 3, 4, 5].map((place) => of(`--line-${place}`)),
    };
  };

  const readTable = (figure) => {
    const rows = [...figure.querySelectorAll("tbody tr")];
    return {
      heads: [...figure.querySelectorAll("thead th")].map((head) => head.textContent),
      names: rows.map((row) =>
        [...row.querySelectorAll("th")].map((label) => label.dataset.label).join(" · "),
      ),
      cells: rows.map((row) => [...row.querySelectorAll("td")].map((cell) => Number(cell.dataset.value))),
    };
  };

  const scale = (colour, title, more = {}) => ({
    beginAtZero: true,
    border: { color: colour.line },
    grid: { color: colour.line, drawTicks: false },
    ticks: { color: colour.soft, padding: 6, precision: 0, ...more },
    title: { display: Boolean(title), text: title, color: colour.soft },
  });

  const byDay = ({ heads, names, cells }, colour, unit) => ({
    type: "line",
    data: {
      labels: names,
      datasets: heads.slice(1, MOST + 1).map((label, place) => ({
        label,
        data: cells.map((row) => row[place]),
        borderColor: colour.lines[place % colour.lines.length],
        backgroundColor: colour.lines[place % colour.lines.length],
        borderDash: DASHES[(place + Math.floor(place / DASHES.length)) % DASHES.length],
        pointStyle: POINTS[place % POINTS.length],
        pointRadius: names.length > 40 ? 0 : 2.5,
        borderWidth: 2,
      })),
    },
    options: {
      interaction: { mode: "index", intersect: false },
      scales: {
        x: { ...scale(colour, "", { maxRotation: 0, autoSkipPadding: 16 }), grid: { display: false } },
        y: scale(colour, unit),
      },
      plugins: { legend: { display: heads.length > 2 } },
    },
  });

  const bars = ({ names, cells }, colour, unit) => ({
    type: "bar",
    data: {
      labels: names.slice(0, MOST),
      datasets: [{ data: cells.map((row) => row[0]).slice(0, MOST), backgroundColor: colour.lines[0], maxBarThickness: 22 }],
    },
    options: {
      indexAxis: "y",
      scales: {
        x: scale(colour, unit),
        y: { ...scale(colour, "", { autoSkip: false }), grid: { display: false } },
      },
      plugins: { legend: { display: false } },
    },
  });

  const pie = ({ names, cells }, colour) => ({
    type: "pie",
    data: {
      labels: names.slice(0, MOST).map((name, place) => `${name}: ${cells[place][0].toLocaleString(document.documentElement.lang)}`),
      datasets: [{ data: cells.map((row) => row[0]).slice(0, MOST), backgroundColor: colour.lines, borderColor: colour.ground, borderWidth: 2 }],
    },
    options: {
      plugins: {
        legend: { position: "right" },
        tooltip: { callbacks: { label: ({ label }) => label } },
      },
    },
  });

  const KINDS = { line: byDay, bar: bars, pie };
  let charts = [];

  const draw = () => {
    for (const chart of charts) chart.destroy();
    charts = [];
    if (!window.Chart) return;
    const colour = colours();
    for (const figure of document.querySelectorAll("[data-insight]")) {
      const place = figure.querySelector(".insight-canvas");
      place.hidden = false;
      const { options, ...rest } = KINDS[figure.dataset.insight](readTable(figure), colour, figure.dataset.unit);
      options.plugins.legend.labels = { color: colour.ink, boxWidth: 12, boxHeight: rest.type === "line" ? 6 : 12, usePointStyle: rest.type === "line" };
      const common = { animation: false, responsive: true, maintainAspectRatio: false, locale: document.documentElement.lang };
      charts.push(new Chart(place.firstElementChild, { ...rest, options: { ...common, ...options } }));
      figure.dataset.drawn = "";
    }
  };

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  draw();
})();
