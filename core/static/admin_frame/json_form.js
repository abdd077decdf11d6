// Shows the JSON text itself where the form library could not draw its inputs, so that nobody stands before
// an empty page and nothing is lost on saving.
(() => {
  "use strict";
  const reveal = () => {
    for (const text of document.querySelectorAll("textarea[data-django-jsonform]")) {
      const container = text.previousElementSibling;
      const drawn = container && container.querySelector(".rjf-form-wrapper");
      if (!drawn || drawn.childElementCount === 0) {
        text.hidden = false;
      }
    }
  };
  window.addEventListener("load", () => requestAnimationFrame(reveal));
})();
