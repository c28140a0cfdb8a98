"use strict";
// What all pages share: the data, light and dark, the legend, what a count proves.
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const chosen = (name) => document.querySelector(`input[name=${name}]:checked`).value;

// Light or dark: as the system has it, unless chosen here.
const dress = () => {
  if (chosen("theme") === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen("theme");
};
for (const radio of document.querySelectorAll("input[name=theme]")) radio.addEventListener("change", dress);
$("theme").hidden = false;
dress();

// Legend: a pressed key is a class that is shown; so are "abstained" and "untested".
function legend(changed) {
  const buttons = [...document.querySelectorAll("#keys button")];
  const set = (button, on) => button.setAttribute("aria-pressed", on);
  $("keys").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    set(button, button.getAttribute("aria-pressed") === "false");
    changed();
  });
  const isClass = (button) => /^\d+$/.test(button.dataset.class);
  $("show-all").addEventListener("click", () => { for (const button of buttons) set(button, true); changed(); });
  $("show-none").addEventListener("click", () => { for (const button of buttons) if (isClass(button)) set(button, false); changed(); });
}
const hiddenKeys = () => new Set([...document.querySelectorAll("#keys [aria-pressed=false]")].map((key) => key.dataset.class));

// Evidence: the entry of the next listed count below is a bound for one that is not listed.
function entryOf(hits) {
  const { counts } = data.evidence;
  let [low, high] = [0, counts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (counts[middle] <= hits) low = middle;
    else high = middle - 1;
  }
  return low;
}

function pText(hits) {
  const { counts, pValues, needed } = data.evidence;
  const i = entryOf(hits);
  return `${counts[i] === hits ? "" : "below "}${pValues[i]}${needed ? ` (≤\u00a0${needed} needed)` : ""}`;
}

// Words are kept whole: 5.1e-10 is not broken at its minus.
function writeWhole(spot, text) {
  const parts = text.split(" ");
  spot.replaceChildren(...parts.flatMap((part, i) => [i ? " " : "", Object.assign(document.createElement("span"), { className: "whole", textContent: part })]));
}

function radiusText(hits, certified) {
  const { radii } = data.evidence;
  const own = certified ? data.radius : "none certified";
  return radii ? `${own}; in the map ${radii[entryOf(hits)] || "none"}` : own;
}
