// Projects, clients, tags, team: lists that narrow as one types, and what follows from a choice.
// Everything works without this file.
"use strict";

(() => {
  const words = (text) => text.toLocaleLowerCase().normalize("NFKD");

  const narrow = (field) => {
    const sought = words(field.value.trim());
    for (const row of document.getElementById(field.dataset.narrows)?.children ?? []) {
      const name = row.querySelector("[data-name], label") ?? row;
      row.hidden = !words(name.textContent).includes(sought);
    }
  };

  const count = (members) => {
    const number = members.querySelectorAll("input:checked").length;
    members.querySelector("[data-nobody]").hidden = number > 0;
    members.querySelector("[data-somebody]").hidden = number === 0;
    members.querySelector("[data-number]").textContent = number;
  };

  for (const field of document.querySelectorAll("[data-narrows]")) field.hidden = false;

  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field.dataset.narrows) narrow(field);
    // Who picks a colour of their own means it.
    if (field.type === "color") field.form.querySelector("[name=color][value=own]").checked = true;
  });

  document.addEventListener("change", (event) => {
    const members = event.target.closest("[data-members]");
    if (members) count(members);
  });

  // Enter in the field that only narrows a list must not send the form around it.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.dataset.narrows) event.preventDefault();
  });

  // What stands in the place of the list knows nothing of what was typed.
  document.addEventListener("htmx:afterSettle", () => {
    for (const field of document.querySelectorAll("[data-narrows]")) narrow(field);
  });

  // The second click of a double one would be told that the name is taken: by the first.
  const SOON = 2000; // milliseconds
  document.addEventListener("submit", (event) => {
    const { target, timeStamp } = event;
    if (event.defaultPrevented || target.method !== "post") return;
    if (timeStamp - target.dataset.sent < SOON) event.preventDefault();
    else target.dataset.sent = timeStamp;
  });

  document.querySelector("main [aria-invalid=true]")?.focus();
})();
