"use strict";
// The audience's sentence: what is ticked stands in it; lists are sifted by typing and closed by Escape or a click outside.
const picks = [...document.querySelectorAll(".sm-pick")];

function tell(pick) {
  const ticked = [...pick.querySelectorAll(".sm-boxes input:checked")];
  const names = ticked.map((box) => box.parentElement.querySelector("span").textContent);
  const said = pick.querySelector(".sm-picked");
  const more = names.length > 4 ? ` +${names.length - 3}` : "";
  said.textContent = names.length ? names.slice(0, more ? 3 : 4).join(", ") + more : said.dataset.any;
}

function close(pick, isFocused) {
  pick.open = false;
  if (isFocused) pick.querySelector("summary").focus();
}

for (const pick of picks) {
  tell(pick);
  pick.addEventListener("change", () => tell(pick));
  pick.addEventListener("toggle", () => {
    if (!pick.open) return;
    picks.filter((other) => other !== pick).forEach((other) => close(other, false));
    pick.querySelector(".sm-sift")?.focus();
  });
  pick.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !pick.open) return;
    event.preventDefault();
    close(pick, true);
  });
  const sift = pick.querySelector(".sm-sift");
  sift?.addEventListener("input", (event) => {
    event.stopPropagation(); // typing a name is no other audience
    const sought = sift.value.trim().toLocaleLowerCase();
    for (const label of pick.querySelectorAll(".sm-boxes label")) label.hidden = !label.textContent.toLocaleLowerCase().includes(sought);
  });
  sift?.addEventListener("change", (event) => event.stopPropagation());
  sift?.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
}

document.addEventListener("click", (event) => {
  for (const pick of picks) if (pick.open && !pick.contains(event.target)) close(pick, false);
});
