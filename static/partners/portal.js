// A long list of choices gets a field to narrow it, and tells how many are chosen. Without this it is only longer.
"use strict";

for (const many of document.querySelectorAll(".many")) {
  const labels = [...many.querySelectorAll("label")].filter((label) => label.querySelector("input"));
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = many.dataset.filter;
  field.setAttribute("aria-label", many.dataset.filter);
  field.addEventListener("input", (event) => {
    event.stopPropagation(); // it is no part of the form
    const words = field.value.trim().toLowerCase();
    for (const label of labels) label.hidden = !label.textContent.toLowerCase().includes(words);
    for (const group of many.querySelectorAll(".choices > div > div"))
      group.hidden = [...group.querySelectorAll("label")].every((label) => label.hidden || !label.querySelector("input"));
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // would save the form
  });
  many.querySelector("fieldset").before(field);
  const count = many.querySelector("[data-count]");
  many.addEventListener("change", () => {
    const chosen = labels.filter((label) => label.querySelector("input").checked).length;
    count.textContent = chosen || many.querySelector("[data-none]").textContent;
  });
}

// Where something is wrong is where one goes on.
document.querySelector(".wrong input, .wrong select, .wrong textarea")?.focus();
