// Reports: charts of the tables below them, and lists to choose of. Without this file the tables stay.
"use strict";

(() => {
  const root = document.documentElement;
  const two = (number) => String(number).padStart(2, "0");
  const clock = (seconds) =>
    `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;

  // --- charts ---

  // Colours are those of the style sheet; a variable of it would not be resolved.
  const colours = (figure) => {
    const style = getComputedStyle(figure);
    return {
      ink: style.textDecorationColor,
      soft: style.color,
      line: style.columnRuleColor,
      accent: style.outlineColor,
    };
  };

  // Told apart from the full bars without any colour.
  const hatched = (colour) => {
    const size = 8;
    const tile = Object.assign(document.createElement("canvas"), { width: size, height: size });
    const pen = tile.getContext("2d");
    pen.strokeStyle = colour;
    pen.lineWidth = 1.5;
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift, size);
      pen.lineTo(shift + size, 0);
    }
    pen.stroke();
    return pen.createPattern(tile, "repeat");
  };

  const readTable = (figure) => {
    const rows = [...figure.querySelectorAll(".chart-table tbody tr")];
    const heads = [...figure.querySelectorAll(".chart-table thead th")].map((head) => head.textContent);
    const cells = rows.map((row) => [...row.querySelectorAll("[data-value]")]);
    return {
      names: rows.map((row) => row.querySelector("th").textContent),
      heads: heads.slice(1),
      values: (place) => cells.map((of) => Number(of[place].dataset.value)),
      last: rows.map((row) => row.lastElementChild.textContent.trim()),
    };
  };

  const axis = (colour, title, more = {}) => ({
    border: { color: colour.line },
    grid: { color: colour.line, drawTicks: false },
    ticks: { color: colour.soft, padding: 6, ...more },
    title: { display: Boolean(title), text: title, color: colour.soft },
    stacked: true,
  });

  const ofTime = (figure, colour) => {
    const table = readTable(figure);
    const series = (place, style) => ({
      label: table.heads[place],
      data: table.values(place).map((seconds) => seconds / 3600),
      borderColor: colour.accent,
      borderWidth: 1,
      ...style,
    });
    return {
      type: "bar",
      data: {
        labels: table.names,
        datasets: [
          series(0, { backgroundColor: colour.accent }),
          series(1, { backgroundColor: hatched(colour.accent) }),
        ],
      },
      options: {
        interaction: { mode: "index", intersect: false },
        scales: {
          x: { ...axis(colour, "", { maxRotation: 0, autoSkipPadding: 12 }), grid: { display: false } },
          y: { ...axis(colour, figure.dataset.unit), beginAtZero: true },
        },
        plugins: {
          legend: { labels: { color: colour.ink, boxWidth: 14, boxHeight: 14 } },
          tooltip: {
            callbacks: {
              label: ({ dataset, raw }) => `${dataset.label}: ${clock(Math.round(raw * 3600))}`,
              footer: ([{ dataIndex }]) => `${figure.dataset.of}: ${table.last[dataIndex]}`,
            },
          },
        },
      },
    };
  };

  const ofShares = (figure, colour) => {
    const table = readTable(figure);
    const short = (name) => (name.length > 22 ? `${name.slice(0, 21)}…` : name);
    return {
      type: "bar",
      data: {
        labels: table.names,
        datasets: [{ data: table.values(0), backgroundColor: colour.accent, maxBarThickness: 22 }],
      },
      options: {
        indexAxis: "y",
        scales: {
          x: { ...axis(colour, figure.dataset.unit), beginAtZero: true },
          y: {
            ...axis(colour, "", {
              autoSkip: false,
              callback: (_value, place) => short(table.names[place]),
            }),
            grid: { display: false },
          },
        },
        plugins: {
          legend: { display: false },
          tooltip: {
            callbacks: {
              label: ({ raw, dataIndex }) => `${raw.toLocaleString(document.documentElement.lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 })} % · ${table.last[dataIndex]}`,
            },
          },
        },
      },
    };
  };

  const KINDS = { time: ofTime, share: ofShares };
  let charts = [];

  const draw = () => {
    for (const chart of charts) chart.destroy();
    charts = [];
    if (!window.Chart) return;
    for (const figure of document.querySelectorAll("[data-chart]")) {
      const place = figure.querySelector(".chart-canvas");
      place.hidden = false;
      const { options, ...rest } = KINDS[figure.dataset.chart](figure, colours(figure));
      const common = { animation: false, responsive: true, maintainAspectRatio: false, locale: root.lang };
      charts.push(new Chart(place.firstElementChild, { ...rest, options: { ...common, ...options } }));
      figure.dataset.drawn = "";
    }
  };

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  // Paper is white, whatever the screen is.
  let theme = null;
  addEventListener("beforeprint", () => {
    theme = root.dataset.bsTheme ?? "";
    root.dataset.bsTheme = "light";
    draw();
  });
  addEventListener("afterprint", () => {
    if (theme) root.dataset.bsTheme = theme;
    else delete root.dataset.bsTheme;
    draw();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) print();
    for (const chooser of document.querySelectorAll(".chooser[open]")) {
      if (!chooser.contains(event.target)) chooser.open = false;
    }
  });

  // --- choosing ---

  const form = () => document.querySelector(".report-filters form");

  const say = (chooser) => {
    const names = [...chooser.querySelectorAll("input:checked")].map(
      (box) => box.nextElementSibling.firstChild.textContent.trim(),
    );
    const words = chooser.querySelector(".chooser-words");
    words.dataset.every ??= names.length ? "" : words.textContent;
    words.textContent = names.join(", ") || words.dataset.every || "–";
  };

  document.addEventListener("change", (event) => {
    const field = event.target;
    const chooser = field.closest(".chooser");
    if (chooser && field.type === "checkbox") say(chooser);
    if (field.form !== form()) return;
    // The period that is chosen, or the dates that are: not both.
    const { range, since, until } = field.form.elements;
    if (field === range && range.value !== "dates") since.value = until.value = "";
    if (field === since || field === until) range.value = "dates";
  });

  document.addEventListener("input", (event) => {
    const search = event.target.closest("[data-narrow]");
    if (!search) return;
    const words = search.value.trim().toLocaleLowerCase();
    for (const row of search.parentElement.querySelectorAll("li")) {
      row.hidden = !row.textContent.toLocaleLowerCase().includes(words);
    }
  });

  document.addEventListener("keydown", (event) => {
    const chooser = event.target.closest?.(".chooser[open]");
    if (event.key === "Escape" && chooser) {
      chooser.open = false;
      chooser.querySelector("summary").focus();
    }
    if (event.key === "Enter" && event.target.matches("[data-narrow]")) event.preventDefault();
  });

  // An address says what is asked for, not what is not.
  document.addEventListener("submit", (event) => {
    if (event.target !== form()) return;
    for (const field of event.target.querySelectorAll("input, select")) {
      if (!field.value) field.disabled = true;
    }
    const { rounding, minutes } = event.target.elements;
    if (rounding.value === "none") rounding.disabled = minutes.disabled = true;
  });
  addEventListener("pageshow", () => {
    for (const field of form()?.querySelectorAll(":disabled") ?? []) field.disabled = false;
  });

  const enliven = () => {
    for (const element of document.querySelectorAll("[data-print], [data-narrow]")) element.hidden = false;
    draw();
  };

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.elt.matches?.("#report")) enliven();
  });
  enliven();
})();
