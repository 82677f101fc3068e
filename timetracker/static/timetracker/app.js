// What the pages do beyond htmx. Everything works without this file, only less smoothly.
"use strict";

(() => {
  const SECOND = 1000;
  const STALE = 60 * SECOND; // a page that was out of sight this long is brought up to date
  const DRAFT = "timer-draft";
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
      element.textContent = clock(seconds);
      if ("inTitle" in element.dataset) title = `${clock(seconds)} · ${pageTitle}`;
    }
    if (document.title !== title) document.title = title;
  };

  // --- the task follows the project ---

  const linkTasks = (form) => {
    const project = form.elements.project;
    const task = form.elements.task;
    const all = [...task.children].map((child) => child.cloneNode(true));
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
    offer();
  };

  // --- what was typed survives a lost session (in this tab, for the same person) ---

  const keepDraft = (form) => {
    const fields = Object.fromEntries(
      ["description", "project", "task"].map((name) => [name, form.elements[name].value]),
    );
    sessionStorage.setItem(DRAFT, JSON.stringify({ person: form.dataset.draft, fields }));
  };

  const restoreDraft = (form) => {
    const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
    if (!draft) return;
    sessionStorage.removeItem(DRAFT);
    if (draft.person !== form.dataset.draft) return;
    for (const name of ["description", "project", "task"]) {
      form.elements[name].value = draft.fields[name];
    }
    form.elements.description.focus();
  };

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

  // --- all of it, for what has just come into the page ---

  const enliven = (root) => {
    for (const form of root.querySelectorAll("form[data-draft]")) {
      restoreDraft(form);
      linkTasks(form);
    }
    for (const button of root.querySelectorAll("[data-dismiss]")) button.hidden = false;
    tick();
  };

  // htmx announces the first page too; without it there is only that one.
  if (window.htmx) document.addEventListener("htmx:load", (event) => enliven(event.detail.elt));
  else enliven(document);
  setInterval(tick, SECOND);

  document.addEventListener("click", (event) => {
    event.target.closest("[data-dismiss]")?.closest(".alert").remove();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

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
    const board = document.querySelector("[data-refresh]");
    if (!board || Date.now() - seen < STALE) return;
    if (board.querySelector("[name=description]")?.value) return;
    window.htmx?.ajax("GET", board.dataset.refresh, { target: board, swap: "outerHTML" });
  });
})();
