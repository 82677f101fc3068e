// The timesheet: each cell is saved when it is left, keys move between cells. Without this file one
// types the same and presses Save.
"use strict";

(() => {
  if (!window.htmx) return;
  const CELL = ".week-grid tbody input";
  const KEPT = "week-kept";
  const pending = new Set(); // cells that are being saved
  const refused = new WeakMap(); // what was sent and refused; sent again only on Enter

  const shows = (cell) => cell.dataset.shows ?? cell.defaultValue;
  const unsaved = (cell) => cell.value.trim() !== shows(cell);
  const sheet = () => document.getElementById("week");

  // --- saving ---

  const sendsItself = (cell) => cell.setAttribute("hx-params", `day,${cell.name}`); // not all of the form

  const save = (cell) => {
    sendsItself(cell);
    pending.add(cell);
    const sent = window.htmx.ajax("POST", cell.form.action, { source: cell, target: cell, swap: "none" });
    sent.catch(() => {}); // the cell says so
  };

  const leave = (cell, insists = false) => {
    if (!unsaved(cell)) {
      unmark(cell);
      if (cell.value !== shows(cell)) cell.value = shows(cell);
    } else if (insists || refused.get(cell) !== cell.value) save(cell);
  };

  const mark = (cell) => {
    cell.setAttribute("aria-invalid", "true");
    cell.setAttribute("aria-describedby", `${cell.id}-error`);
    refused.set(cell, cell.value);
  };

  const unmark = (cell) => {
    document.getElementById(`${cell.id}-error`)?.remove();
    cell.removeAttribute("aria-invalid");
    cell.removeAttribute("aria-describedby");
    refused.delete(cell);
  };

  // A request that waited for another one asks for what the cell holds by now.
  document.addEventListener("htmx:configRequest", (event) => {
    const cell = event.detail.elt;
    if (!cell.matches(CELL)) return;
    if (unsaved(cell)) {
      cell.dataset.sent = cell.value;
      return;
    }
    event.preventDefault();
    saved(cell);
  });

  // The old sentence goes in the moment in which the new one comes: nothing jumps.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const cell = event.detail.elt;
    if (!cell.matches(CELL)) return;
    if (event.detail.xhr.getResponseHeader("HX-Redirect")) keep();
    else unmark(cell);
  });

  // What the server says of the cell. What was typed since then stays.
  document.addEventListener("week-cell", (event) => {
    const cell = event.target;
    const { name, text, refused: bad } = event.detail;
    cell.name = name;
    cell.dataset.shows = text;
    sendsItself(cell);
    if (bad) mark(cell);
    else if (cell.value === cell.dataset.sent) cell.value = text;
  });

  const failed = (event) => {
    const cell = event.detail.elt;
    if (!cell.matches(CELL)) return;
    unmark(cell);
    const words = document.getElementById("week-unsaved").content.textContent;
    say(cell, words);
  };
  for (const name of ["sendError", "timeout", "responseError"]) {
    document.addEventListener(`htmx:${name}`, failed);
  }

  // A link waits until what was typed before is saved; where it is refused, one stays to see it.
  let destination = "";

  const saved = (cell) => {
    pending.delete(cell);
    if (pending.size || !destination) return;
    if (!collect().length) window.location.assign(destination);
    destination = "";
  };

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.matches(CELL)) saved(event.detail.elt);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || !pending.size || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    destination = link.href;
  });

  const say = (cell, words) => {
    const sentence = document.createElement("p");
    sentence.className = "field-error";
    sentence.id = `${cell.id}-error`;
    sentence.dataset.day = cell.closest("td").dataset.day;
    sentence.textContent = words;
    cell.closest("tbody").querySelector(".week-errors td").append(sentence);
    mark(cell);
  };

  // --- what was typed survives another grid in its place, and a lost session ---

  let kept = {};
  let leaving = false;
  let day = ""; // that a phone shows

  const collect = () =>
    [...document.querySelectorAll(CELL)].filter(unsaved).map((cell) => [
      cell.id,
      { value: cell.value, said: document.getElementById(`${cell.id}-error`)?.textContent },
    ]);

  const bringBack = (cells) => {
    for (const [id, { value, said }] of Object.entries(cells)) {
      const cell = document.getElementById(id);
      if (!cell?.matches(CELL)) continue;
      cell.dataset.shows ??= cell.defaultValue;
      cell.value = value;
      if (said) say(cell, said);
      else if (cell !== document.activeElement) leave(cell);
    }
  };

  const keep = () => {
    const { of, address } = sheet().dataset;
    const cells = Object.fromEntries(collect());
    leaving = true;
    sessionStorage.setItem(KEPT, JSON.stringify({ of, address, cells }));
  };

  const restore = () => {
    const { of, address, cells } = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
    if (!of) return;
    sessionStorage.removeItem(KEPT);
    if (of === sheet().dataset.of && address === sheet().dataset.address) bringBack(cells);
  };

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id !== "week") return;
    kept = Object.fromEntries(collect());
    pending.clear();
    day = document.querySelector(".week-strip input:checked")?.value ?? "";
  });

  // What is done next is about the day on screen.
  const follow = (chosen) => {
    for (const field of document.querySelectorAll("#week [name=day]")) field.value = chosen;
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches(".week-strip input")) follow(event.target.value);
  });
  const showDay = () => {
    const chosen = [...document.querySelectorAll(".week-strip input")].find((one) => one.value === day);
    day = "";
    if (!chosen) return;
    chosen.checked = true;
    follow(chosen.value);
  };

  // --- keys ---

  const beside = (cell, key) => {
    const cells = [...cell.closest("tr").querySelectorAll(CELL)];
    const at = cells.indexOf(cell);
    const forwards = (key === "ArrowRight") === (getComputedStyle(cell).direction === "ltr");
    return cells[at + (forwards ? 1 : -1)];
  };

  const inColumn = (cell, up) => {
    const { day } = cell.closest("td").dataset;
    const cells = [...document.querySelectorAll(`.week-grid tbody td[data-day="${day}"] input`)];
    return cells[cells.indexOf(cell) + (up ? -1 : 1)];
  };

  const atEdge = (cell, key) => {
    const { selectionStart: from, selectionEnd: to, value } = cell;
    if (from === 0 && to === value.length) return true;
    const forwards = (key === "ArrowRight") === (getComputedStyle(cell).direction === "ltr");
    return from === to && from === (forwards ? value.length : 0);
  };

  const next = (cell, event) => {
    if (event.key === "Enter") return inColumn(cell, event.shiftKey);
    if (event.key === "ArrowUp" || event.key === "ArrowDown") return inColumn(cell, event.key === "ArrowUp");
    return atEdge(cell, event.key) ? beside(cell, event.key) : undefined;
  };

  document.addEventListener("keydown", (event) => {
    const cell = event.target;
    if (!cell.matches(CELL) || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && unsaved(cell)) {
      cell.value = shows(cell);
      unmark(cell);
      cell.select();
    } else if (event.key === "Enter") {
      event.preventDefault();
      const below = next(cell, event);
      if (refused.has(cell) || !below) leave(cell, true);
      if (below && !refused.has(cell)) below.focus();
      else cell.select();
    } else if (event.key.startsWith("Arrow") && !event.shiftKey) {
      const to = next(cell, event);
      if (!to) return;
      event.preventDefault();
      to.focus();
    }
  });

  document.addEventListener("focusin", (event) => {
    if (event.target.matches(CELL)) event.target.select();
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.matches(CELL) && event.target.isConnected) leave(event.target);
  });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && collect().length) event.preventDefault();
  });

  // --- all of it, for a grid that has just come into the page ---

  const enliven = () => {
    const button = document.querySelector(".week-save button");
    if (button) button.hidden = true;
    showDay();
    bringBack(kept);
    kept = {};
  };

  document.addEventListener("htmx:afterSettle", enliven);
  document.addEventListener("DOMContentLoaded", () => {
    enliven();
    restore();
  });
})();
