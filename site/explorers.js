// Turns the pictures of an explorer, which stand side by side without this script,
// into one picture with a slider. No library, no network, no kernel.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".positions").forEach((box, number) => {
    const figures = [...box.querySelectorAll("figure")];
    const slider = document.createElement("input");
    slider.type = "range";
    slider.id = `position-${number}`;
    slider.min = 0;
    slider.max = figures.length - 1;
    slider.step = 1;
    slider.value = figures.findIndex((figure) => figure.dataset.shown);

    const label = document.createElement("label");
    label.htmlFor = slider.id;
    label.textContent = box.dataset.label;
    const value = document.createElement("span");
    value.className = "value";
    value.setAttribute("aria-hidden", "true"); // the slider says it itself
    const handle = document.createElement("div");
    handle.className = "handle";
    handle.append(label, slider, value);

    // one caption that stays, so that a screen reader hears it change
    const caption = document.createElement("p");
    caption.setAttribute("role", "status");

    const show = () => {
      const chosen = figures[slider.value];
      figures.forEach((figure) => {
        figure.hidden = figure !== chosen;
      });
      value.textContent = chosen.dataset.value;
      slider.setAttribute("aria-valuetext", chosen.dataset.value);
      caption.textContent = chosen.querySelector("figcaption").textContent;
    };

    figures.forEach((figure) => {
      figure.querySelector("figcaption").hidden = true;
    });
    box.prepend(handle);
    box.append(caption);
    box.classList.add("live");
    slider.addEventListener("input", show);
    // the others are fetched when the reader comes near the slider, not before
    const fetchAll = () => {
      figures.forEach((figure) => {
        figure.querySelector("img").loading = "eager";
      });
    };
    slider.addEventListener("pointerenter", fetchAll, { once: true });
    slider.addEventListener("focus", fetchAll, { once: true });
    show();
  });
});
