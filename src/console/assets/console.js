// What scripts add to pages that are whole without them.
"use strict";

// The form of a moment: what is empty need not stand in the address.
for (const form of document.querySelectorAll("form.moment")) {
  form.addEventListener("submit", () => {
    for (const field of form.querySelectorAll("input, select, textarea")) {
      if (field.value === "" && field.name) field.disabled = true;
    }
  });
  addEventListener("pageshow", () => {
    for (const field of form.querySelectorAll(":disabled")) field.disabled = false;
  });
}

// A slider over the moments at which something happened to an assessment.
const moments = document.getElementById("moments");
const form = document.getElementById("moment");
if (moments && form) {
  const SLID = "judgement-ledger slid";
  const links = [...moments.querySelectorAll("a[data-position]")].reverse();
  const positions = links.map((link) => Number(link.dataset.position));
  const known = Number(moments.dataset.known);
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", id: "slider", min: 0, max: positions.length - 1, step: 1 });
  slider.value = Math.max(0, positions.findLastIndex((position) => position <= known));
  const said = document.createElement("output");
  said.htmlFor = "slider";
  const describe = () => {
    const link = links[slider.value];
    said.textContent = link.textContent.trim().replace(/\s+/g, " ");
    slider.setAttribute("aria-valuetext", said.textContent);
  };
  const label = document.createElement("label");
  label.htmlFor = "slider";
  label.textContent = "Slide to what was known: the page follows";
  const holder = document.createElement("div");
  holder.className = "slider";
  holder.append(label, slider, said);
  form.prepend(holder);
  slider.addEventListener("input", describe);
  slider.addEventListener("change", () => {
    const last = Number(slider.value) === positions.length - 1;
    form.elements.known_at.value = last ? "" : positions[slider.value];
    sessionStorage.setItem(SLID, "yes");
    form.requestSubmit();
  });
  describe();
  // Who slides by keys goes on in the page that comes.
  if (sessionStorage.getItem(SLID)) slider.focus({ preventScroll: true });
  sessionStorage.removeItem(SLID);
}

// Who and why, under the pointer or the focus, instead of the browser's own tip.
for (const picture of document.querySelectorAll(".picture")) {
  const card = document.createElement("div");
  card.className = "said";
  card.hidden = true;
  picture.append(card);
  // The pointer may move on to the card, to read it there or to mark what it says.
  let hiding;
  const keep = () => clearTimeout(hiding);
  const hide = () => { keep(); card.hidden = true; };
  const hideSoon = () => { hiding = setTimeout(hide, 250); };
  card.addEventListener("pointerenter", keep);
  card.addEventListener("pointerleave", hideSoon);
  for (const change of picture.querySelectorAll(".change")) {
    const title = change.querySelector("title");
    const lines = title.textContent.trim();
    change.setAttribute("aria-label", lines.replace(/\n/g, ", "));
    title.remove();
    const show = () => {
      keep();
      card.textContent = lines;
      card.hidden = false;
      const [mark, all] = [change.getBoundingClientRect(), picture.getBoundingClientRect()];
      const left = Math.min(mark.left - all.left + 20, all.width - card.offsetWidth - 8);
      card.style.left = `${Math.max(8, left)}px`;
      card.style.top = `${mark.bottom - all.top + 6}px`;
    };
    change.addEventListener("pointerenter", show);
    change.addEventListener("focus", show);
    change.addEventListener("pointerleave", hideSoon);
    change.addEventListener("blur", hide);
  }
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
}

// Searches that are kept in this browser, under a name.
const saved = document.getElementById("saved");
if (saved) {
  const KEY = "judgement-ledger searches";
  const read = () => { try { return JSON.parse(localStorage.getItem(KEY)) ?? []; } catch { return []; } };
  const keep = (searches) => { localStorage.setItem(KEY, JSON.stringify(searches)); draw(); };
  const draw = () => {
    saved.replaceChildren();
    const searches = read();
    if (searches.length > 0) {
      const list = document.createElement("ul");
      list.setAttribute("aria-label", "Searches kept in this browser");
      searches.forEach(({ name, search }, index) => {
        const [item, link, forget] = ["li", "a", "button"].map((tag) => document.createElement(tag));
        link.href = `/console/audit${search}`;
        link.textContent = name;
        Object.assign(forget, { type: "button", textContent: "Forget" });
        forget.setAttribute("aria-label", `Forget ${name}`);
        forget.addEventListener("click", () => keep(read().filter((_, at) => at !== index)));
        item.append(link, " ", forget);
        list.append(item);
      });
      saved.append(list);
    }
    if (!location.search) return;
    const [line, label, name, button] = ["p", "label", "input", "button"].map((tag) => document.createElement(tag));
    label.append("Keep this search in this browser as ", name);
    Object.assign(button, { type: "button", textContent: "Keep" });
    button.addEventListener("click", () => {
      const said = name.value.trim();
      if (said) keep([...read().filter((it) => it.name !== said), { name: said, search: location.search }]);
    });
    line.append(label, " ", button);
    saved.append(line);
  };
  draw();
}

// Records as they come.
const live = document.getElementById("live");
if (live && window.EventSource) {
  const rows = document.getElementById("rows");
  const news = document.getElementById("news");
  const source = new EventSource(`/console/live?after=${live.dataset.after}`);
  // Whoever reads a row stops what moves it away; what comes meanwhile is shown afterwards.
  const pause = document.createElement("button");
  Object.assign(pause, { type: "button", textContent: "Pause" });
  pause.setAttribute("aria-pressed", "false");
  live.after(pause);
  const waiting = [];
  pause.addEventListener("click", () => {
    const paused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) waiting.splice(0).forEach(show);
  });
  source.onmessage = (message) => {
    if (pause.getAttribute("aria-pressed") === "true") {
      waiting.push(message);
      live.textContent = `Paused: records up to ${message.lastEventId} wait.`;
    } else {
      show(message);
    }
  };
  function show(message) {
    const holder = document.createElement("template");
    holder.innerHTML = message.data;
    const fresh = [...holder.content.querySelectorAll("tr")];
    fresh.forEach((row) => row.classList.add("new"));
    rows.prepend(...fresh);
    while (rows.rows.length > 500) rows.lastElementChild.remove();
    news.textContent = `${fresh.length} new, up to record ${message.lastEventId}`;
    live.textContent = `Live: shown up to record ${message.lastEventId}.`;
    setTimeout(() => fresh.forEach((row) => row.classList.remove("new")), 2000);
  }
  source.onopen = () => { live.textContent = "Live: records appear as they are recorded."; };
  source.onerror = () => {
    const ended = source.readyState === EventSource.CLOSED;
    live.textContent = ended
      ? "Not live any more: load this page again."
      : "The connection is interrupted; it is tried again.";
  };
  addEventListener("pagehide", () => source.close());
}
