// Lists of entries, beyond what htmx does. Everything works without this file, only less smoothly.
"use strict";

(() => {
  const root = document.documentElement;
  const list = () => document.getElementById("entries");
  const bar = () => document.getElementById("bulk");
  const isList = (element) => element?.matches("#entries, #dashboard");
  const boxes = (within) => [...within.querySelectorAll(".entry-select input")];

  // --- selecting ---

  const show = () => {
    const bulk = bar();
    if (!list() || !bulk) return;
    const selected = boxes(list()).filter((box) => box.checked).length;
    const failed = bulk.querySelector(".field-error");
    bulk.hidden = !selected && !failed;
    bulk.querySelector("[data-count]").textContent = selected;
    bulk.querySelector("[data-clear]").hidden = false;
    for (const day of list().querySelectorAll(".day")) {
      const all = day.querySelector(".day-select");
      const ofDay = boxes(day);
      const checked = ofDay.filter((box) => box.checked).length;
      all.hidden = !ofDay.length;
      all.firstElementChild.checked = checked > 0 && checked === ofDay.length;
      all.firstElementChild.indeterminate = checked > 0 && checked < ofDay.length;
    }
    const toggle = list().querySelector("[data-select]");
    toggle.hidden = !boxes(list()).length;
    toggle.setAttribute("aria-pressed", root.classList.contains("selecting"));
  };

  const clear = () => {
    for (const box of boxes(list())) box.checked = false;
    bar()?.querySelector(".bulk-errors")?.replaceChildren();
    show();
  };

  let last = null; // the box from which Shift selects up to another one
  document.addEventListener("click", (event) => {
    const box = event.target.closest(".entry-select input");
    if (!box) return;
    const all = boxes(list());
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0) {
      for (const each of all.slice(from, to + 1)) each.checked = box.checked;
    }
    last = box;
    show();
  });

  document.addEventListener("change", (event) => {
    if (event.target.closest(".entry-select")) show();
    const all = event.target.closest(".day-select input");
    if (!all) return;
    for (const box of boxes(all.closest(".day"))) box.checked = all.checked;
    show();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-clear]")) {
      clear();
      list().querySelector(".entry-select input, [data-select]")?.focus();
    }
    if (event.target.closest("[data-select]")) {
      if (!root.classList.toggle("selecting")) clear();
      show();
    }
  });

  // --- forms ---

  document.addEventListener(
    "change",
    (event) => {
      const field = event.target;
      // The filter shows every project on the page that follows.
      if (field.closest(".filters-form") && field.value === "more") {
        event.stopImmediatePropagation();
        field.form.submit();
        return;
      }
      const form = field.closest(".entry-form");
      const billable = field.name === "project" && field.selectedOptions[0]?.dataset.billable;
      if (form && billable) form.elements.billable.checked = billable === "true";
    },
    true,
  );

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.target.closest(".entry-editing")?.querySelector("[data-cancel]").click();
  });

  // --- after an action the focus is where the next one is ---

  let wanted = null; // ids of what gets the focus as the list comes anew: the first that is there
  let touched = null; // the entry at which something was done: undone, it is there again
  const wantFocusAt = (entry) => {
    touched = entry.id;
    const next = entry.nextElementSibling ?? entry.previousElementSibling;
    const day = entry.closest(".day");
    wanted = [entry.id, next?.id, day?.getAttribute("aria-labelledby"), "day-title", "content"];
  };

  document.addEventListener("htmx:beforeRequest", (event) => {
    const entry = event.detail.elt.closest(".entry");
    if (entry && !isList(event.detail.target)) wantFocusAt(entry);
    if (event.detail.elt.matches(".undo")) wanted = [touched, "content"];
  });

  const focusOn = (id) => {
    const element = id && document.getElementById(id);
    const target = element?.matches(".entry")
      ? element.querySelector(".entry-edit, .entry-action")
      : element;
    if (!target?.isConnected) return false;
    target.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
    return true;
  };

  const focusAgain = () => {
    wanted?.some(focusOn);
    wanted = null;
  };

  // A form that came back with a mistake has what was typed as its defaults, and sentences.
  const mend = (form) => {
    if (!form.querySelector(".field-error")) return;
    for (const name of ["description", "project", "task", "tags", "time"]) {
      form.elements[name].value = "";
    }
    for (const error of form.querySelectorAll(".field-error")) error.remove();
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  };

  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr, successful } = event.detail;
    if (!successful || xhr.status >= 400) return;
    if (elt.matches(".entry-form")) elt.closest(".entry").dataset.done = "";
    if (elt.matches("#bulk")) {
      const first = boxes(list()).find((box) => box.checked);
      if (first) wantFocusAt(first.closest(".entry"));
      clear();
      root.classList.remove("selecting");
    }
    if (!elt.matches(".add-form")) return;
    // The day stays: who enters yesterday's work mostly has more of it.
    const { day } = elt.elements;
    const kept = day.value;
    elt.reset();
    mend(elt);
    day.value = kept;
    elt.elements.project.dispatchEvent(new Event("change", { bubbles: true }));
    elt.elements.description.focus();
    wanted = [elt.elements.description.id];
  });

  // --- the list comes anew: what is being typed or selected in it stays ---

  let kept = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = event.detail;
    if (!isList(target) || !event.detail.shouldSwap) return;
    const editors = [...target.querySelectorAll(".entry-editing:not([data-done])")];
    kept = {
      editors,
      focus: editors.some((editor) => editor.contains(document.activeElement))
        ? document.activeElement
        : null,
      boxes: boxes(target).filter((box) => box.checked).map((box) => box.value),
      open: Boolean(target.querySelector(".filters")?.open),
    };
    for (const editor of editors) editor.remove(); // before htmx cleans up what it takes away
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (!kept || !(event.target.matches?.("body") || list() || document.getElementById("dashboard"))) return;
    for (const editor of kept.editors) document.getElementById(editor.id)?.replaceWith(editor);
    for (const value of kept.boxes) {
      const box = document.querySelector(`.entry-select input[value="${value}"]`);
      if (box) box.checked = true;
    }
    const filters = document.querySelector(".filters");
    if (filters && kept.open) filters.open = true;
    const { focus } = kept;
    kept = null;
    show();
    if (focus?.isConnected) {
      focus.focus();
      wanted = null;
    } else focusAgain();
  });

  // A row that has just become a form, or again a row.
  document.addEventListener("htmx:afterSettle", (event) => {
    const row = event.detail.elt;
    show();
    const nothingSwapped = event.detail.xhr?.getResponseHeader("HX-Reswap");
    if (!row.matches?.(".entry") || nothingSwapped) return;
    wanted = null;
    if (row.matches(".entry-editing")) row.querySelector("[autofocus]")?.focus();
    else focusOn(row.id);
  });

  root.classList.add("selects");
  show();
})();
