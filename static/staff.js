// Adds a checkbox above those of a list of the staff, which selects all rows of the page.
"use strict";

for (const all of document.querySelectorAll(".choice [data-all]")) {
  const table = all.closest("table");
  const boxes = [...table.querySelectorAll("tbody .choice input")];
  const show = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  };
  all.addEventListener("change", () => boxes.forEach((box) => (box.checked = all.checked)));
  table.addEventListener("change", show);
  // A browser that returns to the page restores what was chosen, some after this script has run.
  addEventListener("pageshow", show);
  show();
  all.closest("label").hidden = false;
}
