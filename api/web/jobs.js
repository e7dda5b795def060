/* Keeps the list of jobs up to date. */
"use strict";

const rows = [...document.querySelectorAll("tr[data-job]")];

function show(row, job) {
  const state = row.querySelector(".state");
  state.textContent = job.state;
  state.className = `state ${job.state}`;
  row.dataset.state = job.state;
  row.querySelector(".stage").textContent = (job.state === "running" && job.stage) || "";
  row.querySelector(".share").textContent = Page.percent(job.progress);
  row.querySelector(".end").textContent = Page.moment(job.estimated_end);
  row.querySelector("input").disabled = job.state !== "succeeded";
}

function updateButton() {
  const chosen = document.querySelectorAll("input[name=job]:checked").length;
  const button = document.getElementById("compare");
  button.disabled = chosen < 2 || chosen > 8;
  document.getElementById("hint").textContent = chosen > 8
    ? "Select at most eight." : chosen < 2 ? "Select two or more that have succeeded." : "";
}

async function update() {
  const unfinished = rows.filter((row) => !Page.FINAL.includes(row.dataset.state));
  if (unfinished.length) {
    try {
      const { jobs } = await Page.ask("/v1/jobs?limit=200");
      const byId = new Map(jobs.map((job) => [job.id, job]));
      unfinished.forEach((row) => byId.has(row.dataset.job) && show(row, byId.get(row.dataset.job)));
    } catch (error) { /* The next round asks again. */ }
  }
  setTimeout(update, document.hidden ? 15000 : 2000);
}

document.addEventListener("change", updateButton);
if (rows.length) { updateButton(); update(); }
