/* Follows a job by its events: shows its state, a log and charts. */
"use strict";

const { job: id, state: atFirst } = document.getElementById("job").dataset;
const UPDATE_EVERY = 1500; // fewest milliseconds between two updates
const by = (name) => document.getElementById(name);

async function draw() {
  const { charts } = await Page.ask(`/v1/jobs/${id}/charts`);
  by("none").hidden = charts.length > 0;
  Charts.draw(by("charts"), charts);
}

async function showState() {
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
  if (Page.FINAL.includes(job.state) && !Page.FINAL.includes(atFirst)) location.reload();
}

let due = null;
let busy = false;
function updateSoon() {
  if (due || busy) { due = due || "again"; return; }
  due = setTimeout(async () => {
    due = null; busy = true;
    try { await Promise.all([showState(), draw()]); } catch (error) { Page.problem(error); }
    busy = false;
    if (due === "again") { due = null; updateSoon(); }
  }, UPDATE_EVERY);
}

function write(text) {
  const log = by("log");
  if (!log) return;
  // A stage of several steps sends an event per step.
  if (log.dataset.begun && log.lastElementChild.textContent === text) return;
  const line = document.createElement("p");
  line.textContent = text;
  if (!log.dataset.begun) { log.replaceChildren(); log.dataset.begun = "yes"; }
  log.append(line);
}

const number = (value) => value.toFixed(4);
const digits = (value) => Number(value.toPrecision(3));

function list(names) {
  const more = names.length - 3;
  return more > 1 ? `${names.slice(0, 3).join(", ")} and ${more} others` : names.join(", ");
}

/* A sentence per kind of event, or nothing; the kinds are those that the API sends. */
const SENTENCES = {
  state: (data) => `The job ${["succeeded", "failed"].includes(data.state) ? "has" : "is"} ${data.state}${data.attempt > 1 ? `, attempt ${data.attempt}` : ""}.`,
  stage: (data) => ({
    preparing: "The data are split.",
    searching: data.candidates && `${data.candidates.length} candidates compete.`,
    retraining: data.chosen && `${data.chosen} has won.`,
    evaluating: "The model is evaluated on the test pairs.",
    publishing: "The result is stored.",
  }[data.stage]),
  epoch: () => null,
  rung: (data) => {
    const [name, metric] = Object.entries(data.metrics).sort((a, b) => b[1] - a[1])[0];
    return `Rung ${data.rung}: ${name} is best with ${number(metric)}; ${list(data.kept)} ${data.kept.length > 1 ? "stay" : "stays"} in the race.`;
  },
  finals: (data) => `Trained to the end: ${Object.entries(data.metrics).map(([name, metric]) => `${name} ${metric.toFixed(4)}`).join(", ")}.`,
  refined: (data) => `${Object.keys(data.tried).length} variants of the winner were trained; ${data.kept} is best.`,
  supernet: (data) => `The model that all candidates share reaches ${number(data.metric.mean)}.`,
  tuned: ({ chosen }) => `${chosen.sampler.kind} was tuned: learning rate ${digits(chosen.learning_rate)}, l2 ${digits(chosen.l2)}.`,
  note: (data) => data.text,
  webhook: (data) => `The webhook was called ${data.delivered ? "with success" : "without success"}: ${data.answer}.`,
};

function describe(kind, data) {
  const sentence = SENTENCES[kind] && SENTENCES[kind](data);
  if (sentence) write(sentence);
}

function follow() {
  const source = new EventSource(`/v1/jobs/${id}/events`);
  for (const kind of Object.keys(SENTENCES)) {
    source.addEventListener(kind, (event) => {
      const { data } = JSON.parse(event.data);
      describe(kind, data);
      updateSoon();
      if (kind === "state" && Page.FINAL.includes(data.state)) source.close();
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

act("cancel", async () => { await Page.send(`/v1/jobs/${id}/cancel`); updateSoon(); });
act("retry", async () => { await Page.send(`/v1/jobs/${id}/retry`); location.reload(); });
act("delete", async () => {
  if (!confirm("Delete this job and its files?")) { by("delete").disabled = false; return; }
  await Page.ask(`/v1/jobs/${id}`, { method: "DELETE" });
  location.assign("/");
});

async function showPast() {
  let last = 0;
  for (;;) {
    const { events } = await Page.ask(`/v1/jobs/${id}/events?after=${last}`);
    if (!events.length) return;
    events.forEach(({ kind, data }) => describe(kind, data));
    last = events.at(-1).id;
  }
}

draw().catch(Page.problem);
if (!Page.FINAL.includes(atFirst)) follow();
else if (by("log")) showPast().catch(Page.problem);
