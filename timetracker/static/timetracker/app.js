// What the pages do beyond htmx. Everything works without this file, only less smoothly.
"use strict";

(() => {
  const SECOND = 1000;
  const STALE = 60 * SECOND; // a page that was out of sight this long is brought up to date
  const DRAFT = "timer-draft";
  const FOLDED = "details.menu[open], details.timer-change[open]"; // they close by themselves
  const pageTitle = document.title;

  // --- running times ---

  const clock = (seconds) => {
    const two = (number) => String(number).padStart(2, "0");
    return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  };

  // The server says how much time has passed; from there this clock counts, so that a browser's
  // wrong time of day shows nothing wrong.
  const begin = (element) => {
    element.dataset.begun = Date.now() - Number(element.dataset.elapsed) * SECOND;
  };

  const tick = () => {
    let title = pageTitle;
    for (const element of document.querySelectorAll("[data-elapsed]")) {
      if (!element.dataset.begun) begin(element);
      const seconds = Math.max(0, Math.floor((Date.now() - Number(element.dataset.begun)) / SECOND));
      const text = "minutes" in element.dataset ? clock(seconds).slice(0, -3) : clock(seconds);
      if (element.textContent !== text) element.textContent = text;
      if ("inTitle" in element.dataset) title = `${clock(seconds)} · ${pageTitle}`;
    }
    if (document.title !== title) document.title = title;
  };

  // --- the task follows the project ---

  const linkTasks = (form) => {
    const project = form.elements.project;
    const task = form.elements.task;
    let all = [...task.children].map((child) => child.cloneNode(true));
    const ofProject = (group) =>
      group.tagName === "OPTION" || group.querySelector(`[data-project="${project.value}"]`);
    const offer = () => {
      const chosen = task.value;
      const offered = project.value ? all.filter(ofProject) : all;
      task.replaceChildren(...offered.map((child) => child.cloneNode(true)));
      task.value = chosen;
      if (task.selectedIndex < 0) task.value = "";
      task.disabled = offered.length < 2;
    };
    project.addEventListener("change", offer);
    task.addEventListener("change", () => {
      const owner = task.selectedOptions[0]?.dataset.project;
      if (!owner || owner === project.value) return;
      project.value = owner;
      offer();
    });
    form.addEventListener("all-tasks", (event) => {
      all = event.detail;
      offer();
    });
    offer();
  };

  // --- what was typed survives a lost session (in this tab, for the same person) ---

  const actionOf = (form) => form.getAttribute("action");
  const typedIn = (form) =>
    [...form.elements].filter((field) => field.matches("input:not([type=hidden]), select"));

  const keepDraft = (form) => {
    const fields = typedIn(form).map(({ name, value, checked }) => [name, { value, checked }]);
    const draft = { person: form.dataset.draft, action: actionOf(form), fields: Object.fromEntries(fields) };
    sessionStorage.setItem(DRAFT, JSON.stringify(draft));
  };

  // Where the form is not on the page, the link that brings it is: it is filled as it comes.
  const restoreDraft = (root) => {
    const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
    if (!draft) return;
    const forms = [...root.querySelectorAll("form[data-draft]")];
    const form = forms.find((one) => actionOf(one) === draft.action && one.dataset.draft === draft.person);
    const opener = document.querySelector(`a[href^="${CSS.escape(draft.action)}?"]`);
    if (!form && opener && root === document.body) opener.click();
    else if (form || root === document.body) sessionStorage.removeItem(DRAFT);
    if (!form) return;
    for (const field of typedIn(form)) Object.assign(field, draft.fields[field.name]);
    if (form.closest("details")) form.closest("details").open = true;
    typedIn(form)[0].focus();
  };

  // --- all projects, for a list that offers the latest ones ---

  const offerAll = async (select) => {
    const answer = await fetch(select.dataset.more, { headers: { "HX-Request": "true" } });
    const all = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [projects, tasks] = all.querySelectorAll("select");
    if (!answer.ok || !tasks) return;
    select.replaceChildren(...projects.children);
    select.value = "";
    select.form.dispatchEvent(new CustomEvent("all-tasks", { detail: [...tasks.children] }));
    select.focus();
    select.showPicker?.();
  };

  document.addEventListener("change", (event) => {
    if (event.target.name === "project" && event.target.value === "more") {
      offerAll(event.target).catch(() => notify("offline"));
    }
  });

  // --- notices ---

  const notify = (name, said) => {
    const notices = document.getElementById("notices");
    const words = document.getElementById(`notice-${name}`);
    if (!notices || !words) return;
    const notice = document.createElement("div");
    notice.className = "alert alert-danger";
    notice.textContent = said || words.content.textContent;
    notices.replaceChildren(notice);
  };

  // A toast goes by itself, but not while somebody is at it, and not soon if it can undo.
  const leaveLater = (toast) => {
    const seconds = toast.querySelector("form") ? 20 : 6;
    const leave = () => {
      if (toast.matches(":hover, :focus-within")) setTimeout(leave, 2 * SECOND);
      else toast.remove();
    };
    setTimeout(leave, seconds * SECOND);
  };

  // --- all of it, for what has just come into the page ---

  const enliven = (root) => {
    restoreDraft(root);
    for (const form of root.querySelectorAll("form[data-tasks]")) linkTasks(form);
    for (const button of root.querySelectorAll("[data-dismiss]")) button.hidden = false;
    for (const toast of root.querySelectorAll("[data-toast]")) leaveLater(toast);
    tick();
  };

  // htmx announces the first page too; without it there is only that one.
  if (window.htmx) document.addEventListener("htmx:load", (event) => enliven(event.detail.elt));
  else enliven(document);
  setInterval(tick, SECOND);
  document.querySelector(".site-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  document.addEventListener("click", (event) => {
    event.target.closest("[data-dismiss]")?.closest(".alert, [data-toast]").remove();
    for (const menu of document.querySelectorAll(FOLDED)) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  // --- by keyboard ---

  const typing = (element) =>
    element.closest("input:not([type=checkbox]), select, textarea, [contenteditable]");
  const press = (element) => {
    if (element.matches("input")) {
      element.focus();
      return;
    }
    element.click();
    if (!element.matches("summary")) return;
    // What has been opened is gone on with; of what has been closed the way in remains.
    const first = "input:not([type=hidden]), button, a";
    (element.parentElement.open ? element.parentElement.querySelector(first) : element).focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll(FOLDED)) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
      // Out of the field: single keys work again.
      if (event.target.matches("input:not([type=checkbox]), textarea")) event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (localStorage.getItem(NO_KEYS) && event.key !== "?") return;
    const element = [...document.querySelectorAll("[data-key]")].find(
      (candidate) => candidate.dataset.key === event.key,
    );
    if (!element) return;
    event.preventDefault();
    press(element);
  });

  // Whoever speaks to their computer must be able to turn single keys off.
  const NO_KEYS = "no-single-keys";
  const switchKeys = document.getElementById("single-keys");
  if (switchKeys) {
    switchKeys.checked = !localStorage.getItem(NO_KEYS);
    switchKeys.addEventListener("change", () => {
      if (switchKeys.checked) localStorage.removeItem(NO_KEYS);
      else localStorage.setItem(NO_KEYS, "1");
    });
  }
  for (const opener of document.querySelectorAll("[data-opens]")) {
    opener.hidden = false;
    opener.addEventListener("click", () => document.getElementById(opener.dataset.opens).showModal());
  }

  // --- somebody is here: a running timer is not forgotten ---

  const ACTIVITY = 60 * SECOND;
  let told = Date.now();
  const tellActivity = () => {
    const timer = document.querySelector("[data-activity]");
    if (!timer?.dataset.activity || Date.now() - told < ACTIVITY) return;
    told = Date.now();
    window.htmx?.ajax("POST", timer.dataset.activity, { target: "#timer", swap: "outerHTML" });
  };
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, tellActivity);

  // Signing in elsewhere changes the token; the cookie always holds the one that counts.
  document.addEventListener("htmx:configRequest", (event) => {
    const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
    if (!token) return;
    event.detail.headers["X-CSRFToken"] = token;
    event.detail.parameters.delete?.("csrfmiddlewaretoken");
  });

  document.addEventListener("htmx:beforeRequest", () => {
    document.getElementById("notices")?.replaceChildren();
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const form = event.target.closest("form[data-draft]");
    if (form && event.detail.xhr.getResponseHeader("HX-Redirect")) keepDraft(form);
  });
  // What was undone took its button along; a list knows better where the focus belongs.
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const lost = document.activeElement === document.body;
    if (lost && detail.requestConfig.elt.matches(".undo")) document.getElementById("content").focus();
  });
  document.addEventListener("htmx:sendError", () => notify("offline"));
  document.addEventListener("htmx:timeout", () => notify("offline"));
  document.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    // What the site itself says of it comes as plain text.
    const plain = xhr.getResponseHeader("Content-Type")?.startsWith("text/plain");
    notify(xhr.status < 500 ? "refused" : "failed", plain && xhr.responseText);
  });

  // A page left open all day: when it comes back into sight, another tab or midnight may have
  // changed it. What is being typed is never touched.
  let seen = Date.now();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      seen = Date.now();
      return;
    }
    tick();
    if (Date.now() - seen < STALE) return;
    const timer = document.getElementById("timer");
    if (!timer || timer.querySelector("[name=description]")?.value && !timer.querySelector("[data-elapsed]")) return;
    if (timer.querySelector("details[open]")) return;
    window.htmx?.ajax("GET", timer.dataset.refresh, { target: timer, swap: "outerHTML" });
    window.htmx?.trigger(document.body, "entries-changed");
  });
})();
