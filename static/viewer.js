// Shows the photos of a restaurant large, one after the other. Without this script, a photo is a plain link.
"use strict";

/** Each photo once, in the order of the page: the link to it, and what is known of it. */
const photos = [...new Map([...document.querySelectorAll("a.photo")].map((link) => [link.href, link])).values()];

if (photos.length > 0) {
  const show = viewer(photos);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.photo");
    // Another button or key opens the link in its own tab, as everywhere.
    if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    show(photos.findIndex(({ href }) => href === link.href));
  });
}

/** Returns the function that opens the viewer at a photo. */
function viewer(photos) {
  const dialog = document.createElement("dialog");
  dialog.className = "viewer";
  dialog.setAttribute("aria-label", "Photos");
  let image = document.createElement("img");
  const caption = document.createElement("p");
  caption.setAttribute("aria-live", "polite");
  let current = 0;

  const button = (name, label, step) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = `viewer-${name}`;
    button.setAttribute("aria-label", label);
    button.textContent = { before: "‹", after: "›", close: "×" }[name];
    button.addEventListener("click", step);
    return button;
  };
  const before = button("before", "Previous photo", () => show(current - 1));
  const after = button("after", "Next photo", () => show(current + 1));
  const close = button("close", "Close", () => dialog.close());
  dialog.append(image, before, after, close, caption);
  document.body.append(dialog);

  const show = (index) => {
    if (index < 0 || index >= photos.length) return;
    current = index;
    const { href, dataset } = photos[index];
    // A new picture is empty while it loads. Another address for the old one would leave its photo under the new name.
    const next = document.createElement("img");
    next.src = href;
    next.alt = `Photo by ${dataset.by}`;
    image.replaceWith(next);
    image = next;
    const date = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" }).format(new Date(dataset.date));
    // A name may be written from right to left.
    const by = document.createElement("bdi");
    by.textContent = dataset.by;
    caption.replaceChildren(`${index + 1} of ${photos.length}: `, by, `, ${date} `);
    if (document.getElementById(`review-${dataset.review}`)) {
      const link = document.createElement("a");
      link.href = `#review-${dataset.review}`;
      link.textContent = "Read the review";
      link.addEventListener("click", () => dialog.close());
      caption.append(link);
    }
    // Disabling the button in focus would lose the keys.
    before.hidden = index === 0;
    after.hidden = index === photos.length - 1;
    if (!dialog.open) dialog.showModal();
    if (!dialog.contains(document.activeElement) || document.activeElement.hidden) close.focus();
  };

  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(current - 1);
    if (event.key === "ArrowRight") show(current + 1);
  });
  // A swipe: the finger moves further to the side than up or down.
  const SWIPE = 50;
  let start = null;
  dialog.addEventListener("touchstart", ({ touches }) => (start = touches.length === 1 ? touches[0] : null), { passive: true });
  dialog.addEventListener("touchend", ({ changedTouches: [end] }) => {
    // In a photo that was enlarged with two fingers, one finger looks around.
    if (!start || visualViewport.scale > 1.01) return;
    const [x, y] = [end.clientX - start.clientX, end.clientY - start.clientY];
    if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) show(current + (x < 0 ? 1 : -1));
    start = null;
  });
  return show;
}
