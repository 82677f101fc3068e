// Tells the site which marked parts of its pages are used: data-analytics-feature="export" on any
// element. A marked form tells of being submitted, any other element of being clicked.
// It never delays what the person does, sets no cookie, and speaks to the page's own site alone.
"use strict";

(() => {
  const NAME = "data-analytics-feature";
  const script = document.currentScript;

  if (navigator.globalPrivacyControl || navigator.doNotTrack === "1") return;

  // Where scripts may not read the cookie, the page gives the token as data-csrf-token.
  const token = () => {
    const name = script.dataset.csrfCookie ?? "csrftoken";
    const cookies = document.cookie.split("; ");
    const cookie = cookies.find((one) => one.startsWith(`${name}=`));
    return cookie?.slice(name.length + 1) || script.dataset.csrfToken;
  };

  // Fields of a form can hide its methods (<input name="matches">), so Element's own are called.
  const call = (method, element, argument) => Element.prototype[method].call(element, argument);

  const tell = (element, action) => {
    const feature = call("getAttribute", element, NAME);
    const csrf = token();
    if (!feature || !csrf) return;
    fetch(script.dataset.endpoint, {
      method: "POST",
      keepalive: true, // the page may be left by this very click
      credentials: "same-origin",
      mode: "same-origin",
      redirect: "error",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
      body: JSON.stringify({ feature_flag: feature, action }),
    }).catch(() => {}); // a lost count is nobody's trouble
  };

  const listen = (type, find, action) => {
    const heard = (event) => {
      try {
        const element = find(event.target);
        if (element) tell(element, action);
      } catch {
        // Nothing that goes wrong here is the page's.
      }
    };
    // In the capture phase: it also hears what the page's own scripts stop.
    document.addEventListener(type, heard, { capture: true, passive: true });
  };

  const MARKED = `[${NAME}]`;
  const clicked = (target) => {
    const element = call("closest", target, MARKED);
    return element instanceof HTMLFormElement ? null : element;
  };
  const submitted = (form) => (call("matches", form, MARKED) ? form : null);

  listen("click", clicked, "clicked");
  listen("submit", submitted, "submitted");
})();
