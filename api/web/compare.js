"use strict";
const told = document.getElementById("told");
if (told) Charts.draw(document.getElementById("charts"), JSON.parse(told.textContent));
