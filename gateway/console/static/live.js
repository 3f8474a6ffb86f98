// Keeps an open page true: fragments by one event stream, charts by polling. Numbers come from the server; this draws.
"use strict";

const POLL_MS = 1000;
const theme = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const live = { on: true, source: null };

// --- Fragments ------------------------------------------------------------------------------------------------

function replaceFragment({ id, mark, html }) {
  const old = document.getElementById(id);
  if (!old || old.dataset.mark === mark) return;
  const box = document.createElement(old.tagName === "TR" ? "tbody" : "div");
  box.innerHTML = html;
  const fresh = box.firstElementChild;
  if (!fresh) return;
  // A reader keeps the place: what was open stays open, what was typed or focused is left as it is.
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  if (focused && focused.matches("input, select, textarea")) return;
  for (const details of old.querySelectorAll("details[id]")) {
    const same = fresh.querySelector(`#${CSS.escape(details.id)}`);
    if (same) same.open = details.open;
  }
  for (const field of old.querySelectorAll("select[id], input[id]")) {
    const same = fresh.querySelector(`#${CSS.escape(field.id)}`);
    if (same) same.value = field.value;
  }
  if (old.tagName === "TR") fresh.classList.add("changed");
  old.replaceWith(fresh);
  if (focused) {
    const again = focused.id ? document.getElementById(focused.id)
      : focused.href ? [...fresh.querySelectorAll("a")].find((link) => link.href === focused.href) : null;
    if (again) again.focus({ preventScroll: true });
  }
}

function openStream() {
  const address = document.body.dataset.stream;
  if (!address || live.source || !live.on || document.hidden) return;
  live.source = new EventSource(address);
  live.source.addEventListener("fragment", (message) => replaceFragment(JSON.parse(message.data)));
}

function closeStream() {
  if (live.source) live.source.close();
  live.source = null;
}

// --- Charts ---------------------------------------------------------------------------------------------------

function themed(figure) {
  const colors = { "theme:line": "--accent", "theme:band": "--band", "theme:warning": "--watch", "theme:alarm": "--bad" };
  const text = JSON.stringify(figure).replace(/"theme:[a-z]+"/g, (name) => JSON.stringify(theme(colors[name.slice(1, -1)])));
  const made = JSON.parse(text);
  const grid = { gridcolor: theme("--edge"), linecolor: theme("--edge-firm"), tickfont: { color: theme("--quiet"), size: 10 } };
  made.layout.font.color = theme("--ink");
  made.layout.hoverlabel = { bgcolor: theme("--surface"), bordercolor: theme("--edge-firm"), font: { color: theme("--ink") } };
  for (const name of Object.keys(made.layout)) if (/^[xy]axis/.test(name)) made.layout[name] = { ...made.layout[name], ...grid };
  return made;
}

function drawChart(box) {
  const figure = themed(JSON.parse(document.getElementById(box.dataset.figure).textContent));
  // The drawing lies absolutely within its box, so the box has to be given the height of what is drawn in it.
  box.style.height = `${figure.layout.height}px`;
  figure.layout.width = box.clientWidth;
  return Plotly.react(box, figure.data, figure.layout, { displayModeBar: false });
}

// Plotly's own answer to a resize forgets the height: only the width follows the window.
const widths = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const width = Math.floor(contentRect.width);
    if (width > 0 && target.layout && Math.abs(width - target.layout.width) > 1) Plotly.relayout(target, { width });
  }
});

async function pollChart(box) {
  if (live.on && !document.hidden) {
    try {
      const answer = await fetch(`${box.dataset.live}?after=${encodeURIComponent(box.dataset.after)}`);
      if (answer.ok) {
        const more = await answer.json();
        box.dataset.after = more.after;
        const readings = document.getElementById("readings");
        if (readings) readings.innerHTML = more.readings;
        const rows = more.x.map((_, row) => row).filter((row) => more.x[row].length);
        if (rows.length) await Plotly.extendTraces(box, { x: rows.map((row) => more.x[row]), y: rows.map((row) => more.y[row]) }, rows, more.points_max);
      } else if (answer.status === 401) { location.reload(); return; }
    } catch (error) { /* The platform is away; the next poll tries again. */ }
  }
  setTimeout(() => pollChart(box), POLL_MS);
}

async function startCharts() {
  for (const box of document.querySelectorAll(".chart[data-figure]")) {
    await drawChart(box);
    widths.observe(box);
    if (box.dataset.live) setTimeout(() => pollChart(box), POLL_MS);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => location.reload());
}

// --- Forms ----------------------------------------------------------------------------------------------------

function confirmFirst(event) {
  const form = event.target;
  const text = event.submitter?.dataset.confirm || form.dataset.confirm;
  if (!text || form.dataset.confirmed) return;
  event.preventDefault();
  const dialog = document.getElementById("confirm");
  document.getElementById("confirm-text").textContent = text;
  dialog.returnValue = "no";
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "yes") return;
    form.dataset.confirmed = "yes";
    form.requestSubmit(event.submitter);
  }, { once: true });
  dialog.showModal();
}

function start() {
  document.addEventListener("submit", confirmFirst);
  for (const form of document.querySelectorAll("form[data-auto]")) {
    form.addEventListener("change", (event) => { if (event.target.matches("select")) form.requestSubmit(); });
  }
  // A notice is said once: reloading the page does not say it again.
  const address = new URL(location.href);
  if (address.searchParams.has("notice")) {
    for (const name of ["notice", "of"]) address.searchParams.delete(name);
    history.replaceState(null, "", address);
  }
  const now = document.querySelector("form[data-submit-now]");
  if (now) now.requestSubmit();
  const liveSwitch = document.getElementById("live-switch");
  if (liveSwitch) {
    live.on = sessionStorage.getItem("live") !== "off";
    liveSwitch.setAttribute("aria-pressed", String(live.on));
    liveSwitch.addEventListener("click", () => {
      live.on = !live.on;
      sessionStorage.setItem("live", live.on ? "on" : "off");
      liveSwitch.setAttribute("aria-pressed", String(live.on));
      if (live.on) openStream(); else closeStream();
    });
  }
  // Browsers allow six connections a host: a hidden tab gives its own back.
  document.addEventListener("visibilitychange", () => (document.hidden ? closeStream() : openStream()));
  addEventListener("pagehide", closeStream);
  addEventListener("pageshow", openStream);
  openStream();
  if (window.Plotly) startCharts();
}

start();
