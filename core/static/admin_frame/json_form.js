// Completes what the form library draws: the JSON text itself where it could not draw its inputs, so that nobody stands
// before an empty page and nothing is lost on saving; and names of inputs for those who cannot see where labels stand.
(() => {
  "use strict";
  const CONTROL = "input:not([type='hidden']), select, textarea, .rjf-multiselect-field-input";
  let last = 0;
  const idOf = (element) => {
    element.id = element.id || `json-form-${(last += 1)}`;
    return element.id;
  };
  const titleOf = (group) => {
    const title = group && group.querySelector(":scope > .rjf-form-group-inner > .rjf-form-group-title");
    return title ? title.firstChild.textContent.trim() : "";
  };
  // "Tags, 2": the group's title and the row's place in it.
  const placeOf = (control) => {
    const title = titleOf(control.closest(".rjf-form-group"));
    const row = /§(\d+)$/.exec(control.name || "");
    return row ? `${title}, ${Number(row[1]) + 1}` : title;
  };
  const describe = (control, row) => {
    const texts = [...row.querySelectorAll(".rjf-help-text, .rjf-error-text")];
    if (texts.length) {
      control.setAttribute("aria-describedby", texts.map(idOf).join(" "));
    }
    if (texts.some((text) => text.matches(".rjf-error-text"))) {
      control.setAttribute("aria-invalid", "true");
    } else {
      control.removeAttribute("aria-invalid");
    }
  };
  const name = (form) => {
    for (const control of form.querySelectorAll(CONTROL)) {
      const row = control.closest(".rjf-form-row-inner") || control.parentElement;
      describe(control, row);
      if ((control.labels && control.labels.length) || control.hasAttribute("aria-label")) {
        continue;
      }
      const label = row.querySelector("label:not(:has(input))");
      const inputs = row.querySelectorAll(CONTROL);
      if (label && control.labels && inputs[0] === control) {
        label.htmlFor = idOf(control);
      } else {
        const kind = control.type === "date" ? ", date" : inputs.length > 1 ? ", time" : "";
        const text = label ? label.textContent.trim() + kind : placeOf(control);
        control.setAttribute("aria-label", text);
      }
    }
    for (const button of form.querySelectorAll(".rjf-collapse-button, .rjf-add-button")) {
      const title = titleOf(button.closest(".rjf-form-group"));
      const what = button.matches(".rjf-add-button") ? "Add item to" : button.title;
      button.setAttribute("aria-label", `${what} ${title}`.trim());
    }
    for (const button of form.querySelectorAll(".rjf-form-row-controls button")) {
      button.setAttribute("aria-label", button.title);
    }
  };
  const complete = () => {
    for (const text of document.querySelectorAll("textarea[data-django-jsonform]")) {
      const container = text.previousElementSibling;
      const drawn = container && container.querySelector(".rjf-form-wrapper");
      if (!drawn || drawn.childElementCount === 0) {
        text.hidden = false;
        continue;
      }
      name(container);
      // Rows come and go. Attributes are not watched, so that naming does not call itself.
      new MutationObserver(() => name(container)).observe(container, { childList: true, subtree: true });
    }
  };
  window.addEventListener("load", () => requestAnimationFrame(complete));
})();
