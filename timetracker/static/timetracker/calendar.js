// Entries are made, moved and stretched in the calendar, by mouse, pen and keyboard. Fingers scroll.
//
// Times are counted as minutes on the wall since 1970: what clocks show, as if no zone ever changed
// them. Only the server knows zones; it is told a day and a minute of that day.
"use strict";

(() => {
  const MINUTE = 60 * 1000;
  const DAY = 24 * 60;
  const STEP = 15; // minutes
  const FINE_STEP = 5; // with Shift
  const SLACK = 4; // pixels that a hand may tremble in a click
  const EDGE = 32; // pixels from the edge at which it scrolls along
  const PAUSE = 600; // milliseconds after the last key

  const scroller = document.getElementById("calendar-hours");
  if (!scroller) return;
  const says = document.getElementById("calendar-says");
  const dialog = document.getElementById("calendar-entry");

  let gesture = null; // {kind: make, entry, start or end; block; from, to: as it would be; …}
  let busy = false; // until the server has answered and the calendar shows it
  let refocus = null; // the entry that gets the focus back

  // --- days, minutes and words ---

  const wall = (text) => Date.parse(`${text}Z`) / MINUTE;
  const sent = (minutes) => {
    const text = new Date(minutes * MINUTE).toISOString();
    return { day: text.slice(0, 10), minute: Number(text.slice(11, 13)) * 60 + Number(text.slice(14, 16)) };
  };
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
    hour: "numeric", minute: "2-digit", timeZone: "UTC", hour12: scroller.dataset.hours24 === "false",
  });
  const weekday = new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "long", timeZone: "UTC" });
  const words = (from, to) => `${clock.format(from * MINUTE)} – ${clock.format(to * MINUTE)}`;

  const columns = () => [...scroller.querySelectorAll("[data-day]")].filter((column) => column.offsetParent);
  const dayOf = (column) => wall(`${column.dataset.day}T00:00`);

  // --- what is shown at first, where the style sheet could not ---

  const open = () => {
    if (CSS.supports("scroll-initial-target", "nearest")) return;
    scroller.scrollTop = scroller.querySelector("[data-opening]").offsetTop;
  };

  // --- now ---

  let loaded = Date.now();
  const tick = () => {
    const column = scroller.querySelector("[data-now]");
    if (!column) return;
    const now = Number(column.dataset.now) + Math.floor((Date.now() - loaded) / MINUTE);
    if (now >= DAY) {
      refresh();
      return;
    }
    place(column.querySelector("[data-now-line]"), now);
    const running = column.querySelector("[data-grows]");
    if (running) place(running, Number(running.dataset.grows), Math.max(20, now - Number(running.dataset.grows)));
  };

  const place = (element, top, length) => {
    element.style.setProperty("--h", 0);
    element.style.setProperty("--m", top);
    if (length === undefined) return;
    element.style.setProperty("--lh", 0);
    element.style.setProperty("--lm", length);
  };

  const refresh = () => {
    if (!gesture && !busy) window.htmx?.trigger("#calendar", "refresh");
  };

  open();
  tick();
  setInterval(tick, MINUTE / 2);
  if (!scroller.dataset.new || !window.htmx) return;
  scroller.classList.add("cal-live");

  // --- what is being done ---

  const lift = (block, lifted) => {
    for (const part of scroller.querySelectorAll(`[data-entry="${block.dataset.entry}"]`)) {
      part.classList.toggle("cal-lifted", lifted);
    }
  };

  const ghost = (top, length) => {
    const element = document.createElement("div");
    element.className = "cal-block cal-ghost";
    element.setAttribute("aria-hidden", "true");
    const what = document.createElement("span");
    what.textContent = gesture.block?.querySelector(".cal-what").textContent.trim() ?? "";
    element.append(words(gesture.from, gesture.to), what);
    place(element, top, length);
    return element;
  };

  const clear = () => {
    for (const element of scroller.querySelectorAll(".cal-ghost")) element.remove();
  };

  const show = () => {
    const { from, to, block } = gesture;
    clear();
    if (block) lift(block, true);
    for (const column of columns()) {
      const day = dayOf(column);
      const top = Math.max(from, day) - day;
      const bottom = Math.min(to, day + DAY) - day;
      if (bottom > top) column.append(ghost(top, bottom - top));
    }
  };

  const letGo = () => {
    if (gesture?.block) lift(gesture.block, false);
    clear();
    clearTimeout(gesture?.timer);
    document.body.classList.remove("cal-dragging");
    gesture = null;
  };

  const commit = () => {
    const { kind, block, from, to } = gesture;
    if (block && from === gesture.start && to === gesture.end) {
      letGo();
      return;
    }
    document.body.classList.remove("cal-dragging");
    clearTimeout(gesture.timer);
    busy = true;
    if (kind === "make") {
      const { day, minute } = sent(from);
      post(scroller.dataset.new, { day, start: minute, end: minute + to - from });
    } else {
      const { day, minute } = sent(kind === "end" ? to : from);
      post(addressOf("move", block), { day, minute, part: kind, version: block.dataset.version });
    }
  };

  // Addresses stand there once, with 0 in the place of the entry's key.
  const addressOf = (name, block) => scroller.dataset[name].replace("/0/", `/${block.dataset.entry}/`);

  const post = (address, values) => {
    window.htmx.ajax("POST", address, { source: scroller, target: scroller, swap: "none", values });
  };

  // After a success the calendar fetches itself anew, and what is shown in advance goes with the old
  // one; after a refusal all snaps back, and the server has said why.
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const { elt } = detail.requestConfig; // detail.elt is another where this one has gone
    const posted = elt === scroller;
    const fetched = elt.id === "calendar";
    if (!posted && !fetched) return;
    if (posted && detail.xhr.status === 200) return;
    busy = false;
    letGo();
  });

  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target.id === "calendar") {
      const holder = document.activeElement?.closest("[data-entry]");
      refocus ??= holder && detail.target.contains(holder) ? holder.dataset.entry : null;
    }
  });

  document.addEventListener("htmx:load", ({ detail }) => {
    if (detail.elt.id !== "calendar") return;
    loaded = Date.now();
    tick();
    if (refocus === null) return;
    const entries = [...scroller.querySelectorAll(`[data-entry="${refocus}"] a`)];
    (entries.find((entry) => entry.offsetParent) ?? scroller).focus();
    refocus = null;
  });

  // --- by mouse and pen ---

  const columnAt = (x) => {
    const away = (column) => {
      const { left, right } = column.getBoundingClientRect();
      return Math.max(left - x, x - right);
    };
    return columns().reduce((best, column) => (away(column) < away(best) ? column : best));
  };

  const minuteAt = (column, y) => {
    const { top, height } = column.getBoundingClientRect();
    return Math.min(DAY, Math.max(0, ((y - top) / height) * DAY));
  };

  const snap = (minutes, event, round = Math.round) => {
    const step = event.shiftKey ? FINE_STEP : STEP;
    return round(minutes / step) * step;
  };

  const take = (kind, block) => ({
    kind, block, start: wall(block.dataset.start), end: wall(block.dataset.end),
    from: wall(block.dataset.start), to: wall(block.dataset.end),
  });

  scroller.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch" || gesture || busy) return;
    const column = event.target.closest("[data-day]");
    const block = event.target.closest("[data-entry]");
    if (!column || (block && !block.dataset.version)) return;
    const kind = event.target.dataset.edge ?? "entry";
    gesture = {
      ...(block ? take(kind, block) : { kind: "make" }),
      column, x: event.clientX, y: event.clientY, minute: minuteAt(column, event.clientY), moved: false,
    };
  });

  const make = (event) => {
    const day = dayOf(gesture.column);
    const [first, last] = [gesture.minute, minuteAt(gesture.column, event.clientY)].sort((a, b) => a - b);
    gesture.from = day + snap(first, event, Math.floor);
    gesture.to = Math.max(day + snap(last, event), gesture.from + (event.shiftKey ? FINE_STEP : STEP));
  };

  const move = (event) => {
    const column = columnAt(event.clientX);
    const days = dayOf(column) - dayOf(gesture.column);
    const minutes = minuteAt(column, event.clientY) - gesture.minute;
    const step = event.shiftKey ? FINE_STEP : STEP;
    const stays = Math.abs(minutes) < step / 2; // it only goes to another day
    gesture.from = days + (stays ? gesture.start : snap(gesture.start + minutes, event));
    gesture.to = gesture.from + gesture.end - gesture.start;
  };

  const stretch = (event) => {
    const column = columnAt(event.clientX);
    const minutes = dayOf(column) + snap(minuteAt(column, event.clientY), event);
    if (gesture.kind === "end") gesture.to = Math.max(minutes, gesture.from + FINE_STEP);
    else gesture.from = Math.min(minutes, gesture.to - FINE_STEP);
  };

  const follow = (event) => {
    const { top, bottom } = scroller.getBoundingClientRect();
    const head = scroller.querySelector(".cal-head").offsetHeight;
    if (event.clientY < top + head + EDGE) scroller.scrollTop -= 12;
    else if (event.clientY > bottom - EDGE) scroller.scrollTop += 12;
  };

  document.addEventListener("pointermove", (event) => {
    if (!gesture?.column || busy) return;
    const far = Math.hypot(event.clientX - gesture.x, event.clientY - gesture.y);
    if (!gesture.moved && far < SLACK) return;
    if (!gesture.moved) scroller.setPointerCapture(event.pointerId); // also beyond the window
    gesture.moved = true;
    document.body.classList.add("cal-dragging");
    follow(event);
    ({ make, entry: move, start: stretch, end: stretch })[gesture.kind](event);
    show();
  });

  let dragged = false; // the click that ends a drag opens nothing
  document.addEventListener("pointerup", () => {
    if (!gesture?.column || busy) return;
    if (!gesture.moved) {
      gesture = null;
      return;
    }
    dragged = true;
    setTimeout(() => (dragged = false));
    commit();
  });
  document.addEventListener("pointercancel", () => {
    if (gesture?.column && !busy) letGo();
  });
  document.addEventListener("click", (event) => {
    if (!dragged) return;
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true });
  scroller.addEventListener("dragstart", (event) => event.preventDefault());

  // --- by keyboard ---

  const KEYS = { ArrowUp: -STEP, ArrowDown: STEP, ArrowLeft: -DAY, ArrowRight: DAY };

  const next = (minutes, by) => {
    if (Math.abs(by) === DAY) return minutes + by;
    const step = by < 0 ? Math.ceil(minutes / STEP) - 1 : Math.floor(minutes / STEP) + 1;
    return overSkipped(step * STEP, by);
  };

  // Hours that the clock skips are no place to stop at.
  const overSkipped = (minutes, by) => {
    const column = columns().find((each) => minutes >= dayOf(each) && minutes < dayOf(each) + DAY);
    const [from, to] = (column?.dataset.skips ?? "0 0").split(" ").map(Number);
    const minute = minutes - (column ? dayOf(column) : 0);
    if (!column || minute < from || minute >= to) return minutes;
    return dayOf(column) + (by > 0 ? to : from - STEP);
  };

  scroller.addEventListener("keydown", (event) => {
    const block = event.target.closest("[data-version]");
    const by = KEYS[event.key];
    if (!block || !event.altKey || !by || (event.shiftKey && Math.abs(by) === DAY)) return;
    event.preventDefault();
    const kind = event.shiftKey ? "end" : "entry";
    if (busy || gesture?.column || (gesture && gesture.kind !== kind)) return;
    gesture ??= take(kind, block);
    if (kind === "end") {
      gesture.to = Math.max(next(gesture.to, by), gesture.from + FINE_STEP);
    } else {
      const taken = gesture.to - gesture.from;
      gesture.from = next(gesture.from, by);
      gesture.to = gesture.from + taken;
    }
    show();
    says.textContent = `${weekday.format(gesture.from * MINUTE)}, ${words(gesture.from, gesture.to)}`;
    clearTimeout(gesture.timer);
    gesture.timer = setTimeout(finish, PAUSE);
  });

  const finish = () => {
    if (!gesture || gesture.column || busy) return;
    if (gesture.block.contains(document.activeElement)) refocus = gesture.block.dataset.entry;
    commit();
  };
  scroller.addEventListener("focusout", finish);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !gesture || busy) return;
    event.stopPropagation();
    letGo();
  }, { capture: true });

  // --- an entry's form, over the calendar ---

  const shownEntry = () => {
    const key = dialog.querySelector(".entry")?.id.replace("entry-", "");
    return key && scroller.querySelector(`[data-entry="${key}"]`);
  };
  const deleter = dialog.querySelector("[data-delete-shown]");

  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (!dialog.contains(detail.target)) return;
    const row = dialog.querySelector("li.entry"); // made to stand in a list
    deleter.hidden = !row;
    if (row) row.parentElement.setAttribute("role", "list");
    else document.getElementById("calendar-form").removeAttribute("role");
    if (!dialog.open) dialog.showModal();
    dialog.querySelector("input[type=text], input:not([type])")?.focus();
  });
  const edit = (address) => {
    window.htmx.ajax("GET", address, { target: "#calendar-form", swap: "innerHTML" });
  };
  document.addEventListener("calendar-made", ({ detail }) => edit(detail.address));
  scroller.addEventListener("click", (event) => {
    const link = event.target.closest("[data-edit]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    edit(link.getAttribute("href"));
  });
  deleter.addEventListener("click", () => {
    const block = shownEntry();
    if (!block) return;
    const address = addressOf("delete", block);
    window.htmx.ajax("POST", address, { source: deleter, target: deleter, swap: "none" });
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const changed = detail.xhr.getResponseHeader("HX-Trigger")?.includes("entries-changed");
    if (changed && dialog.contains(detail.requestConfig.elt)) dialog.close();
  });
  dialog.addEventListener("click", (event) => {
    if (!event.target.closest("[data-cancel]")) return;
    event.preventDefault();
    event.stopPropagation();
    dialog.close();
  }, { capture: true });
  dialog.addEventListener("close", () => document.getElementById("calendar-form").replaceChildren());

  // The running timer is changed where it runs.
  scroller.addEventListener("click", (event) => {
    const change = document.querySelector("#timer .timer-change");
    if (!event.target.closest("[data-timer]") || !change) return;
    event.preventDefault();
    setTimeout(() => { // after the click has closed what was open
      change.open = true;
      change.querySelector("input[type=text], summary").focus();
    });
  });
})();
