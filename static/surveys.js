"use strict";
// The telephone of "try it": its keys write into the reply, which is ready for the next one.
function ready() {
  document.querySelector(".sv-phone input[autofocus]")?.focus();
}

ready();
document.addEventListener("htmx:afterSettle", ready);
document.addEventListener("click", (event) => {
  const key = event.target.closest(".sv-phone [data-key]");
  if (!key) return;
  const reply = key.form.elements.namedItem("key");
  const field = reply instanceof RadioNodeList ? [...reply].find((one) => one.tagName === "INPUT") : reply;
  field.value += key.dataset.key;
  field.focus();
});
