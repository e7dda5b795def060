/* Shared by the pages: requests to the API, its problems, and how values are shown. */
"use strict";

const Page = {
  FINAL: ["succeeded", "failed", "cancelled"], // states of a job that has ended
  async ask(path, options = {}) {
    const answer = await fetch(path, options);
    const json = answer.status !== 204 && (answer.headers.get("content-type") || "").includes("json");
    const body = json ? await answer.json() : null;
    if (answer.status === 401) location.assign(`/login?next=${location.pathname}`);
    if (!answer.ok) throw new Error(body ? body.detail : `${answer.status} ${answer.statusText}`);
    return body;
  },
  send(path, value) {
    return Page.ask(path, {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: value === undefined ? undefined : JSON.stringify(value),
    });
  },
  problem(error) {
    document.getElementById("problem").textContent = error ? error.message : "";
  },
  percent: (share) => `${Math.round(100 * share)} %`,
  moment: (text) => (text ? text.slice(0, 16).replace("T", " ") : ""),
  lasting(seconds) {
    if (seconds < 90) return `${Math.round(seconds)} s`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
    return `${(seconds / 3600).toFixed(1)} h`;
  },
};
