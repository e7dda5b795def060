/* The form of a new search: previews the file, estimates the cost, and submits. */
"use strict";

const by = (name) => document.getElementById(name);
const HEAD = 1 << 18; // bytes of a text file that are sent for a preview
let uploaded = { file: null, options: null, id: null };

function cell(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  if (kind === "th") made.scope = "col";
  return made;
}

function showRows(preview) {
  const table = by("rows");
  const head = document.createElement("thead");
  head.append(document.createElement("tr"));
  preview.columns.forEach((name) => head.rows[0].append(cell("th", name)));
  const body = document.createElement("tbody");
  preview.rows.forEach((row) => {
    const line = document.createElement("tr");
    row.forEach((text) => line.append(cell("td", text)));
    body.append(line);
  });
  table.replaceChildren(table.caption, head, body);
  const plain = preview.format === "lightgcn";
  by("mapping").querySelectorAll("select").forEach((select) => {
    const noun = select.dataset.noun;
    const needed = noun === "user" || noun === "item";
    const options = needed ? [] : [new Option("none", "")];
    preview.columns.forEach((name) => options.push(new Option(name, name.split(":")[0])));
    select.replaceChildren(...options);
    select.value = (preview.guessed[noun] || "").split(":")[0];
    select.parentElement.hidden = plain;
  });
  by("min-rating").parentElement.hidden = plain;
  by("preview").hidden = false;
  by("preview").dataset.format = preview.format;
  by("preview").dataset.header = preview.header;
}

async function look() {
  const file = by("file").files[0];
  by("preview").hidden = true;
  if (!file) return;
  const whole = /\.(parquet|pq)$/i.test(file.name);
  const form = new FormData();
  form.append("file", whole ? file : file.slice(0, HEAD), file.name);
  Page.problem();
  try {
    showRows(await Page.ask("/v1/datasets/preview", { method: "POST", body: form }));
  } catch (error) { Page.problem(error); }
}

function options() {
  const chosen = { format: by("preview").dataset.format, k_core: Number(by("k-core").value || 0) };
  if (chosen.format === "lightgcn") return chosen;
  if (["csv", "tsv"].includes(chosen.format)) chosen.header = by("preview").dataset.header === "true";
  by("mapping").querySelectorAll("select").forEach((select) => {
    if (select.value) chosen[select.dataset.noun] = select.value;
  });
  if (by("min-rating").value) chosen.min_rating = Number(by("min-rating").value);
  return chosen;
}

async function dataset() {
  if (by("dataset").value) return by("dataset").value;
  const file = by("file").files[0];
  if (!file) throw new Error("Choose a file first, or a data set that was uploaded before.");
  const wanted = JSON.stringify(options());
  if (uploaded.file === file && uploaded.options === wanted) return uploaded.id;
  by("status").textContent = "Reading the file …";
  const form = new FormData();
  form.append("file", file);
  if (by("test-file").files[0]) form.append("test_file", by("test-file").files[0]);
  if (by("valid-file").files[0]) form.append("valid_file", by("valid-file").files[0]);
  form.append("options", wanted);
  const { id, name, stats } = await Page.ask("/v1/datasets", { method: "POST", body: form });
  uploaded = { file, options: wanted, id };
  const taken = stats.readings.map((reading) => `${reading.file} was read as ` +
    Object.entries(reading.columns).map(([noun, { name }]) => `${noun}: ${name}`).join(", "));
  const warnings = stats.warnings.map((warning) => `Warning: ${warning}.`);
  by("status").textContent = [
    `${name}: ${stats.users} users, ${stats.items} items.`, taken.join("; "), ...warnings,
  ].join(" ");
  return id;
}

let kept = null;

function spec(id) {
  const made = {
    dataset: id,
    model: { kind: by("model").value }, loss: { kind: by("loss").value },
    metric: by("metric").value, strategy: { kind: by("strategy").value },
    training: { epochs: Number(by("epochs").value), seed: Number(by("seed").value) },
    verify: by("verify").checked,
  };
  const candidates = [...document.querySelectorAll("input[name=candidate]:checked")];
  if (candidates.length) made.candidates = candidates.map((each) => ({ kind: each.value }));
  else if (kept) made.candidates = kept;
  if (by("seconds").value) made.budget = { seconds: Number(by("seconds").value) };
  return made;
}

async function busily(work) {
  const buttons = [by("start"), by("estimate")];
  buttons.forEach((button) => { button.disabled = true; });
  Page.problem();
  try { await work(); } catch (error) { by("status").textContent = ""; Page.problem(error); }
  buttons.forEach((button) => { button.disabled = false; });
}

async function estimate() {
  const wanted = spec(await dataset());
  by("status").textContent = "Timing a few steps of each candidate …";
  const { forecast } = await Page.send("/v1/jobs?validate_only=true", wanted);
  by("status").textContent =
    `About ${Page.lasting(forecast.likely.seconds)}, ${Page.lasting(forecast.most.seconds)} at most, `
    + `one training at a time: search ${Page.lasting(forecast.search.seconds)}, final training `
    + `${Page.lasting(forecast.retraining.seconds)}`
    + (forecast.baseline ? `, baseline ${Page.lasting(forecast.baseline.seconds)}` : "")
    + (wanted.verify ? `, verification ${Page.lasting(forecast.verification.seconds)}.` : ".");
}

async function start() {
  const wanted = spec(await dataset());
  by("status").textContent = "Queueing the search …";
  const answer = await Page.ask("/v1/jobs", {
    method: "POST", body: JSON.stringify(wanted),
    headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
  });
  location.assign(`/jobs/${answer.id}`);
}

async function like(id) {
  const { spec: before } = await Page.ask(`/v1/jobs/${id}`);
  by("dataset").value = before.dataset;
  for (const part of ["model", "loss", "strategy"]) if (before[part]) by(part).value = before[part].kind;
  by("metric").value = before.metric;
  by("epochs").value = before.training.epochs;
  by("seed").value = before.training.seed;
  by("verify").checked = before.verify;
  if (before.budget && before.budget.seconds) by("seconds").value = before.budget.seconds;
  // Recipes, and lists by name, have no boxes to tick: they are sent again as they were.
  const listed = Array.isArray(before.candidates) ? before.candidates : [];
  const unlisted = typeof before.candidates === "string" || listed.some((each) => each.sampler);
  kept = unlisted ? before.candidates : null;
  const kinds = kept ? [] : listed.map((each) => each.kind);
  document.querySelectorAll("input[name=candidate]").forEach((each) => { each.checked = kinds.includes(each.value); });
  toggle();
}

function toggle() {
  by("upload").hidden = by("dataset").value !== "";
  const chosen = document.querySelectorAll("input[name=candidate]:checked").length;
  const others = kept ? "those of the earlier search" : "a dozen of different kinds";
  by("count").textContent = chosen ? `${chosen} selected` : others;
}

by("file").addEventListener("change", look);
by("form").addEventListener("change", toggle);
by("form").addEventListener("submit", (event) => { event.preventDefault(); busily(start); });
by("estimate").addEventListener("click", () => busily(estimate));
toggle();
const before = new URLSearchParams(location.search).get("like");
if (before) like(before).catch(Page.problem);
