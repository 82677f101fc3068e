// Imports without waiting in the dark. All of it works without this file.
"use strict";

(() => {
  // A file that is too large is not sent at all.
  document.addEventListener("change", (event) => {
    const input = event.target.closest("input[data-most-bytes]");
    if (!input) return;
    const large = [...input.files].some((file) => file.size > Number(input.dataset.mostBytes));
    document.getElementById("import-error").textContent = large ? input.dataset.tooLarge : "";
    input.toggleAttribute("aria-invalid", large);
    if (large) input.value = "";
  });

  // Reading and importing take a while, in which a second press would only ask again.
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-waits]");
    if (!form) return;
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    form.querySelector("[data-wait]").textContent = form.dataset.waits;
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-waits]")) {
      for (const button of form.querySelectorAll("button")) button.disabled = false;
      form.querySelector("[data-wait]").textContent = "";
    }
  });

  // The check goes on by itself; where it cannot, the button comes back.
  const showContinue = (shown) => {
    for (const form of document.querySelectorAll("form[data-continue]")) form.hidden = !shown;
  };
  document.addEventListener("htmx:load", () => showContinue(false));
  for (const trouble of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(trouble, () => showContinue(true));
  }
})();
