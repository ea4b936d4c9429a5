"use strict";
// Follows an import until its phase changes, then shows the page anew.
const bar = document.getElementById("import-progress");
setInterval(async () => {
  const { phase, percent } = await (await fetch(bar.dataset.url)).json();
  bar.value = percent;
  if (phase !== bar.dataset.phase) location.reload();
}, 1000);
