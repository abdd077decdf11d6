// A button with `data-try` sends its form to be tried instead of saved, and shows the answer in the element of that id.
// Without this script the page is loaded again, which empties the fields of secrets.
(() => {
  "use strict";
  const FAILED = "This could not be tried: reload the page and try again.";
  document.addEventListener("submit", async (event) => {
    const button = event.submitter;
    const place = button && button.dataset.try && document.getElementById(button.dataset.try);
    if (!place) {
      return;
    }
    event.preventDefault();
    const form = event.target;
    const data = new FormData(form);
    data.set(button.name, button.value);
    button.disabled = true;
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.getAttribute("action") || window.location.href, {
        method: "POST",
        body: data,
        headers: { "X-Requested-With": "fetch" },
      });
      if (answer.ok && !answer.redirected) {
        place.innerHTML = await answer.text();
      } else {
        place.textContent = FAILED;
      }
    } catch {
      place.textContent = FAILED;
    } finally {
      button.disabled = false;
      place.removeAttribute("aria-busy");
    }
  });
})();
