// Every page works without this script; it makes them more convenient.
//
// Times, which the server sends in UTC, are shown in the visitor's time zone.
//
// On a restaurant's page, the form for a new review opens in a dialog. This form, and those that change a review, show the
// chosen photo. The script sends them in the background, so that the visitor sees the progress of the upload, and loses
// neither text nor photo if the connection breaks.
"use strict";

const section = document.querySelector("#new-review");
if (section) {
  reviewDialog(section);
}
if (document.title.startsWith("Error: ") && !document.querySelector("dialog[open]")) focusProblem();
if (document.querySelector(".narrow-form [type=file]")) enhance(document.querySelector("main"));
document.querySelectorAll("[data-max]").forEach(countCharacters);
showLocalTimes(document);

// On a phone, the keyboard's key for the next field leads there. Enter would send a form that is not complete.
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.key !== "Enter" || !field.matches("[enterkeyhint=next]") || !matchMedia("(pointer: coarse)").matches) return;
  const fields = [...field.form.elements].filter(({ type }) => !["hidden", "button", "fieldset"].includes(type));
  event.preventDefault();
  fields[fields.indexOf(field) + 1]?.focus();
});

// Space works on what looks like a button.
document.addEventListener("keydown", (event) => {
  if (event.key === " " && event.target.matches("a.btn, .page-link, .sort a")) {
    event.preventDefault();
    event.target.click();
  }
});

/** What the page was called before a form was refused. */
const title = document.title.replace(/^Error: /, "");

/** Shows each time in the visitor's time zone, in the form of the server's text. UTC stays as a tool tip. */
function showLocalTimes(part) {
  const format = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
  for (const time of part.querySelectorAll("time")) {
    time.title = time.textContent;
    time.textContent = format.format(new Date(time.dateTime));
  }
}

/** How long an upload may make no progress before the visitor is told, in milliseconds. */
const STALLED_AFTER = 15_000;

function reviewDialog(section) {
  const dialog = document.createElement("dialog");
  dialog.className = "review-dialog";
  dialog.setAttribute("aria-labelledby", "new-review-heading");
  section.before(dialog);
  dialog.append(section);
  enhance(section);

  const open = () => {
    dialog.showModal();
    if (dialog.querySelector("[role=alert]")) {
      focusProblem();
    } else {
      dialog.querySelector("#user_name").focus();
    }
  };
  for (const link of document.querySelectorAll("[href='#new-review']")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      open();
    });
  }
  if (section.hasAttribute("data-problem") || location.hash === "#new-review") {
    open();
  }
}

/**
 * Adds everything that needs a script to the form with a photo in this section, which is as the server sent it: the
 * section of a new review, or the main part of a page that changes one.
 */
function enhance(section) {
  const form = section.querySelector("form:has([type=file])");
  const file = form.querySelector("[type=file]");
  const dialog = section.closest("dialog");
  if (dialog) addClose(section, dialog, form.querySelector("#cancel-review"));

  const preview = document.createElement("img");
  preview.className = "preview";
  preview.alt = "The chosen photo";
  // A damaged picture has no preview. The server reports the error.
  preview.addEventListener("error", () => preview.remove());
  const mayBeSent = examineChoices(file, (photo) => {
    URL.revokeObjectURL(preview.src);
    preview.remove();
    form.querySelector(".choose-again")?.remove();
    if (photo) {
      preview.src = URL.createObjectURL(photo);
      file.after(preview);
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(section, form, file, mayBeSent);
  });
  // Proves to the server that a review which is sent again is this writer's own.
  if (form.elements.form_id) {
    const secret = document.createElement("input");
    secret.type = "hidden";
    secret.name = "writer_secret";
    secret.value = [...crypto.getRandomValues(new Uint8Array(32))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    form.append(secret);
  }
}

/** Adds the button that closes the dialog. While a review is being sent, it stops that, as Cancel and Esc do. */
function addClose(section, dialog, cancel) {
  const close = document.createElement("button");
  close.type = "button";
  close.className = "btn-close";
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => (sending ? sending() : dialog.close()));
  section.prepend(close);
  cancel.addEventListener("click", (event) => {
    event.preventDefault();
    if (!sending) dialog.close();
  });
}

/**
 * Examines every photo that is chosen in this field, and says at the field what is wrong with it. `show` is called with the
 * photo if it is good, and with nothing while no good one is chosen. Returns a function that waits for the examination, and
 * tells whether the form may be sent.
 */
function examineChoices(file, show) {
  /** What is wrong with the photo that was chosen last, or null. */
  let latest = Promise.resolve(null);
  const examine = async () => {
    const [photo] = file.files;
    show();
    const examination = photo ? photoProblem(photo, file) : Promise.resolve(null);
    latest = examination;
    const message = await examination;
    // Another photo may have been chosen meanwhile.
    if (latest !== examination) return;
    fieldProblem(file, message);
    if (photo && message === null) show(photo);
  };
  file.addEventListener("change", examine);
  if (file.files.length > 0) examine();
  return async () => {
    let examination, message;
    while (examination !== latest) {
      examination = latest;
      message = await examination;
    }
    return message === null;
  };
}

/** Stops the upload that is under way; null if there is none. */
let sending = null;

/** Sends the form in the background, once `mayBeSent` says that its photo may be. */
async function send(section, form, file, mayBeSent) {
  const request = new XMLHttpRequest();
  const dialog = section.closest("dialog");
  const button = form.querySelector("[type=submit]");
  const cancel = form.querySelector("#cancel-review") ?? cancelButton(form);
  const upload = document.createElement("div");
  upload.className = "upload";
  const bar = document.createElement("progress");
  bar.setAttribute("aria-label", "Upload");
  const text = document.createElement("p");
  text.setAttribute("role", "status");
  upload.append(bar, text);
  form.querySelector(".form-actions").prepend(upload);
  text.textContent = "Sending…";
  forgetProblem(form);
  button.disabled = true; // A second click must not send the form again.

  let stalled;
  const end = () => {
    clearTimeout(stalled);
    sending = null;
    cancel.removeEventListener("click", stop);
    dialog?.removeEventListener("cancel", stop);
    document.removeEventListener("keydown", stopByKey);
    if (!dialog) cancel.remove();
    if (request.status !== 201) {
      upload.remove();
      button.disabled = false;
    }
  };
  const NOT_SENT = "Stopped. The review was not sent; everything you typed is still here.";
  // Cancel and Esc stop the upload, and leave the form with everything in it.
  sending = () => {
    if (request.readyState !== XMLHttpRequest.UNSENT) return request.abort();
    end();
    problem(form, NOT_SENT);
  };
  const stop = (event) => {
    event.preventDefault();
    sending?.();
  };
  const stopByKey = (event) => {
    if (event.key === "Escape" && !dialog) stop(event);
  };
  cancel.addEventListener("click", stop);
  dialog?.addEventListener("cancel", stop);
  document.addEventListener("keydown", stopByKey);
  dialog?.addEventListener("close", () => sending?.(), { once: true });

  const watch = () => {
    clearTimeout(stalled);
    stalled = setTimeout(() => {
      text.textContent = "Nothing has arrived for 15 seconds. Your connection may be slow or broken: wait, or select Cancel to stop.";
    }, STALLED_AFTER);
  };
  watch();
  const own = sending;
  const isGood = await mayBeSent();
  if (sending !== own) return; // It was stopped meanwhile.
  if (!isGood) {
    end();
    file.focus();
    return;
  }

  let isSent = false;
  request.upload.addEventListener("load", () => (isSent = true));
  watch();
  request.upload.addEventListener("progress", (event) => {
    watch();
    if (event.lengthComputable) {
      bar.value = event.loaded / event.total;
      text.textContent = event.loaded < event.total ? `Sending… ${Math.floor(100 * bar.value)} %` : "Saving…";
    }
  });
  request.addEventListener("loadend", end);
  request.addEventListener("load", () => {
    if (request.status === 201) {
      showSaved(request.getResponseHeader("Location"), text);
      return;
    }
    const answer = new DOMParser().parseFromString(request.responseText, "text/html");
    const again = answer.getElementById(section.id);
    if (again?.querySelector("[type=file]")) {
      showAgain(section, document.adoptNode(again), file);
    } else {
      const title = answer.querySelector("h1")?.textContent ?? `Error ${request.status}`;
      problem(form, `${title}. ${answer.querySelector(".lead")?.textContent ?? "Try again."}`);
    }
  });
  request.addEventListener("error", () => {
    problem(form, "The review could not be sent. Check your connection, then send it again: nothing you typed is lost.");
  });
  request.addEventListener("abort", () => {
    if (!isSent) {
      problem(form, NOT_SENT);
    } else if (form.elements.form_id) {
      problem(form, "Stopped, but the review had already been sent and may be saved. Save it again to make sure: it is never saved twice.");
    } else {
      problem(form, "Stopped, but the change had already been sent and may be saved. Save it again to make sure: you are asked first if it was.");
    }
  });
  request.open("POST", form.action);
  request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
  request.send(new FormData(form));
}

/** A button that stops the upload, in a form that has no such button of its own. */
function cancelButton(form) {
  const cancel = document.createElement("button");
  cancel.type = "button";
  cancel.className = "btn btn-outline-secondary";
  cancel.textContent = "Cancel";
  form.querySelector(".form-actions").append(cancel);
  return cancel;
}

/** Says that the review is saved, and shows it on its page once the site can be reached. */
async function showSaved(address, text) {
  text.textContent = "Saved.";
  try {
    await fetch("/healthz", { cache: "no-store" });
    // The address has no fragment, so this loads the page again.
    location.replace(address);
  } catch {
    text.textContent = "Your review is saved, but its page cannot be loaded now. Check your connection, then ";
    const link = document.createElement("a");
    link.href = address;
    link.textContent = "open the page.";
    text.append(link);
  }
}

/** Shows the form from the server's answer, with the photo that is still chosen here. */
function showAgain(section, again, file) {
  document.title = `Error: ${title}`;
  section.replaceWith(again);
  // If the server refused the photo, the visitor must choose another one.
  const fresh = again.querySelector("[type=file]");
  if (!fresh.hasAttribute("aria-invalid")) {
    fresh.files = file.files;
  }
  enhance(again);
  again.querySelectorAll("[data-max]").forEach(countCharacters);
  showLocalTimes(again);
  again.scrollIntoView();
  focusProblem();
}

/** After a refused form, moves the focus to the first invalid field, or to the message if all are valid. */
function focusProblem() {
  const field = document.querySelector("main [aria-invalid]");
  const alert = document.querySelector("main [role=alert]");
  if (field) {
    (field.querySelector("input") ?? field).focus();
  } else if (alert) {
    alert.tabIndex = -1;
    alert.focus();
  }
}

/** Removes what is said above the form. What another person has written meanwhile, in a section of its own, stays. */
function forgetProblem(form) {
  form.parentElement.querySelector(":scope > p[role=alert]")?.remove();
  document.title = title;
}

/** Shows above the form why it was not accepted. */
function problem(form, message) {
  forgetProblem(form);
  const alert = document.createElement("p");
  alert.className = "alert alert-danger";
  alert.setAttribute("role", "alert");
  alert.textContent = message;
  alert.tabIndex = -1;
  form.before(alert);
  alert.focus();
  document.title = `Error: ${title}`;
}

/** Shows the error of a field as the server's pages do. `null` removes it. */
function fieldProblem(field, message) {
  document.getElementById(`${field.id}-error`)?.remove();
  field.classList.toggle("is-invalid", message !== null);
  field.setAttribute("aria-describedby", `${field.id}-help`);
  field.removeAttribute("aria-invalid");
  if (message !== null) {
    const text = document.createElement("p");
    text.className = "invalid-feedback";
    text.id = `${field.id}-error`;
    text.setAttribute("role", "alert");
    text.textContent = message;
    document.getElementById(`${field.id}-help`).before(text);
    field.setAttribute("aria-describedby", `${field.id}-error ${field.id}-help`);
    field.setAttribute("aria-invalid", "true");
  }
}

/** Shows the length of a field once it fills up. Counts as the server does: Unicode scalar values, trimmed. */
function countCharacters(field) {
  const max = Number(field.dataset.max);
  const help = document.getElementById(`${field.id}-help`);
  const plain = help.textContent;
  const count = () => {
    const length = [...field.value.trim()].length;
    help.classList.toggle("too-long", length > max);
    if (length > max) {
      help.textContent = `${length - max} of ${length} characters too many.`;
    } else {
      help.textContent = length > 0.8 * max ? `${length} of ${max} characters.` : plain;
    }
  };
  field.addEventListener("input", count);
  count();
}
