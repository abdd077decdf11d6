// What the admin theme leaves to the mouse: its menu button and search box get names and keys. And buttons that ask first.
(() => {
  "use strict";
  const named = (element, name) => {
    if (element && !element.hasAttribute("aria-label")) {
      element.setAttribute("aria-label", name);
    }
  };
  const asButton = (element, name) => {
    if (!element) {
      return;
    }
    named(element, name);
    element.setAttribute("role", "button");
    element.tabIndex = 0;
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        element.click();
      }
    });
  };
  document.addEventListener("DOMContentLoaded", () => {
    for (const icon of document.querySelectorAll("[x-on\\:click='sidebarToggle()']")) {
      asButton(icon, "Menu");
    }
    // On a narrow screen the tab that is open may stand outside of the row.
    for (const tab of document.querySelectorAll(".frame-tabs [aria-current]")) {
      const row = tab.parentElement;
      const before = tab.getBoundingClientRect().left - row.getBoundingClientRect().left;
      row.scrollLeft += before - (row.clientWidth - tab.offsetWidth) / 2;
    }
    const search = document.getElementById("searchbar");
    named(search, search ? search.placeholder || "Search" : "");
    named(document.getElementById("searchbar-submit"), "Search");
  });
  // `data-confirm` on a button: the question that it asks before it sends its form.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-confirm]");
    if (button && !window.confirm(button.dataset.confirm)) {
      event.preventDefault();
    }
  });
})();
