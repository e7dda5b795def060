/* Draws the chart of a comparison. */
"use strict";

const data = document.getElementById("chart-data");
if (data) Charts.draw(document.getElementById("charts"), JSON.parse(data.textContent));
