/* Follows a job by its events, and draws what they tell. */
"use strict";

const { job: id, state: atFirst } = document.getElementById("job").dataset;
const FINAL = ["succeeded", "failed", "cancelled"];
const SLOW = 1500; // milliseconds between drawings at least
const by = (name) => document.getElementById(name);

async function draw() {
  const { charts } = await Page.ask(`/v1/jobs/${id}/charts`);
  by("none").hidden = charts.length > 0;
  Charts.draw(by("charts"), charts);
}

async function look() {
  const job = await Page.ask(`/v1/jobs/${id}`);
  by("state").textContent = job.state;
  by("state").className = `state ${job.state}`;
  by("stage").textContent = (job.state === "running" && job.stage) || "";
  if (by("progress")) {
    by("progress").value = job.progress;
    by("share").textContent = Page.percent(job.progress);
    const left = job.estimated_end ? (Date.parse(job.estimated_end) - Date.now()) / 1000 : 0;
    by("end").textContent = left > 1 ? `about ${Page.lasting(left)} left` : "";
  }
  if (FINAL.includes(job.state) && !FINAL.includes(atFirst)) location.reload();
}

let due = null;
let busy = false;
function soon() {
  if (due || busy) { due = due || "again"; return; }
  due = setTimeout(async () => {
    due = null; busy = true;
    try { await Promise.all([look(), draw()]); } catch (error) { Page.problem(error); }
    busy = false;
    if (due === "again") { due = null; soon(); }
  }, SLOW);
}

function write(text) {
  const log = by("log");
  if (!log) return;
  const line = document.createElement("p");
  line.textContent = text;
  if (!log.dataset.begun) { log.replaceChildren(); log.dataset.begun = "yes"; }
  log.append(line);
}

function some(names) {
  const more = names.length - 3;
  return more > 1 ? `${names.slice(0, 3).join(", ")} and ${more} others` : names.join(", ");
}

const TOLD = {
  state: (data) => `The job is ${data.state}${data.attempt > 1 ? `, attempt ${data.attempt}` : ""}.`,
  stage: (data) => ({
    preparing: "The data is split.",
    searching: data.candidates && `${data.candidates.length} candidates compete.`,
    retraining: data.chosen && `${data.chosen} has won, and trains on.`,
    evaluating: "The model is ranked against the test pairs.",
    publishing: "The result is written.",
  }[data.stage]),
  rung: (data) => {
    const best = Object.entries(data.metrics).sort((a, b) => b[1] - a[1])[0];
    return `Rung ${data.rung}: best so far ${best[0]} at ${best[1].toFixed(4)}; ${some(data.kept)} go on.`;
  },
  note: (data) => data.text,
};

function follow() {
  const source = new EventSource(`/v1/jobs/${id}/events`);
  for (const kind of ["state", "stage", "rung", "note", "epoch", "refined", "supernet", "tuned"]) {
    source.addEventListener(kind, (event) => {
      const { data } = JSON.parse(event.data);
      const told = TOLD[kind] && TOLD[kind](data);
      if (told) write(told);
      soon();
      if (kind === "state" && FINAL.includes(data.state)) source.close();
    });
  }
}

function act(name, work) {
  const button = by(name);
  if (button) button.addEventListener("click", async () => {
    button.disabled = true;
    Page.problem();
    try { await work(); } catch (error) { Page.problem(error); button.disabled = false; }
  });
}

act("cancel", async () => { await Page.send(`/v1/jobs/${id}/cancel`); soon(); });
act("retry", async () => { await Page.send(`/v1/jobs/${id}/retry`); location.reload(); });
act("delete", async () => {
  if (!confirm("Delete this job and its files?")) { by("delete").disabled = false; return; }
  await Page.ask(`/v1/jobs/${id}`, { method: "DELETE" });
  location.assign("/");
});

async function recall() {
  let last = 0;
  for (;;) {
    const { events } = await Page.ask(`/v1/jobs/${id}/events?after=${last}`);
    if (!events.length) return;
    events.forEach(({ kind, data }) => {
      const told = TOLD[kind] && TOLD[kind](data);
      if (told) write(told);
    });
    last = events.at(-1).id;
  }
}

draw().catch(Page.problem);
if (!FINAL.includes(atFirst)) follow();
else if (by("log")) recall().catch(Page.problem);
