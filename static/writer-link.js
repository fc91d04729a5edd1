// Keeps the private links of reviews that were written in this browser, and shows them at their restaurant. Without this
// script, a link is shown once, after the review was sent.
"use strict";

{
  const KEPT = "writer-links";
  const here = location.pathname;
  const place = document.querySelector("#own-reviews");
  const shown = [...document.querySelectorAll(".writer-link")].map((anchor) => anchor.getAttribute("href"));
  // Its writer has deleted the review. (One that the staff has hidden may come back, so its link is kept.)
  const gone = [...document.querySelectorAll("[data-gone-link]")].map((element) => element.dataset.goneLink);

  // Private browsing and full or switched-off storage throw errors. The link on the page works all the same.
  const read = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(KEPT));
      return Array.isArray(kept) ? kept.filter(([page, link]) => /^\/\d+\/$/.test(page) && /^\/review\/edit\/[0-9a-f]{64}$/.test(link)) : [];
    } catch {
      return [];
    }
  };

  const kept = read().filter(([, link]) => !gone.includes(link) && !shown.includes(link));
  if (shown.length + gone.length > 0) {
    kept.push(...shown.map((link) => [here, link]));
    try {
      // The latest hundred.
      localStorage.setItem(KEPT, JSON.stringify(kept.slice(-100)));
    } catch {}
  }
  const links = kept.filter(([page]) => page === here);
  if (place && links.length > 0) {
    links.forEach(([, link], index) => {
      const anchor = document.createElement("a");
      anchor.className = "btn btn-outline-secondary";
      anchor.href = link;
      anchor.textContent = links.length === 1 ? "Change or delete your review" : `Change or delete your review ${index + 1}`;
      const paragraph = document.createElement("p");
      paragraph.append(anchor);
      place.append(paragraph);
    });
    place.hidden = false;
  }
}
