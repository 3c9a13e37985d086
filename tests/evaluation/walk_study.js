// Walks through a study's page as a participant would, on a stand-in for a browser's document; prints what is saved.
//   node walk_study.js study.html '{"select": [media ids], "closes": 5}'
"use strict";
const { readFileSync } = require("fs");

const [page, policy] = [readFileSync(process.argv[2], "utf8"), JSON.parse(process.argv[3])];

class Element {
  constructor(tag) {
    Object.assign(this, { tag, tagName: tag.toUpperCase(), children: [], listeners: {}, attributes: {}, dataset: {} });
    Object.assign(this, { isConnected: true, checked: false, paused: true, style: { setProperty: () => {} } });
    Object.assign(this, { offsetHeight: 10, clientWidth: 1000 });
  }
  append(...children) {
    this.children.push(...children);
  }
  replaceChildren(...children) {
    this.children = children;
  }
  addEventListener(kind, listener) {
    this.listeners[kind] = listener;
  }
  setAttribute(name, value) {
    this.attributes[name] = value;
  }
  getBoundingClientRect() {
    return { top: 0 };
  }
  focus() {
    focused.push(this.tag);
  }
  play() {
    this.paused = false;
    return Promise.resolve();
  }
  pause() {
    this.paused = true;
  }
  click() {
    if (this.disabled) throw new Error("clicked what is disabled: " + this.text());
    if (this.tag === "a") saved.push(this);
    this.listeners.click?.();
  }
  change(settings) {
    Object.assign(this, settings);
    this.listeners.change();
  }
  all(tag) {
    const below = this.children.flatMap((child) => (child instanceof Element ? child.all(tag) : []));
    return this.tag === tag ? [this, ...below] : below;
  }
  text() {
    const own = this.textContent ?? "";
    return own + this.children.map((child) => (child instanceof Element ? child.text() : child)).join("");
  }
  querySelector(tag) {
    return this.all(tag)[0];
  }
  querySelectorAll(tag) {
    return this.all(tag);
  }
}

const saved = [];
const focused = [];
const kept = {};
const blobs = [];
let ids, timers, pressed;
globalThis.URL = { createObjectURL: (blob) => "blob:" + (blobs.push(blob.part) - 1), revokeObjectURL: () => {} };
globalThis.Blob = class {
  constructor([part]) {
    this.part = part;
  }
};
const blobOf = (address) => blobs[Number(address.slice(5))];
globalThis.scrollTo = () => {};
globalThis.addEventListener = () => {};
globalThis.matchMedia = () => ({ matches: false });
globalThis.localStorage = {
  getItem: (name) => kept[name] ?? null,
  setItem(name, value) {
    if (policy.forgets) throw new Error("nothing is kept");
    kept[name] = value;
  },
};
globalThis.setTimeout = (run) => timers.push(run);
globalThis.document = {
  getElementById: (id) => ids[id],
  querySelector: () => undefined,
  createElement: (tag) => new Element(tag),
  addEventListener: (kind, listener) => (pressed = listener),
};
const press = (key, tagName = "BODY") => pressed({ key, target: { tagName }, preventDefault: () => {} });

const study = page.match(/<script type="application\/json" id="study">(.*?)<\/script>/s)[1];
const script = page.match(/<script>(.*?)<\/script>/s)[1];

function open() {
  const names = ["page", "back", "next", "problem", "progress", "standing"];
  ids = Object.fromEntries(names.map((id) => [id, new Element(id)]));
  ids.study = { textContent: study };
  timers = [];
  new Function("module", script)(undefined);
}

const shown = (what) => ids.page.all(what);
const must = (holds, what) => {
  if (!holds) throw new Error(what);
};
const media = JSON.parse(study).media;
const choiceOf = (video) => {
  const bytes = Buffer.from(blobOf(video.src)).toString("base64");
  return Object.keys(media).find((id) => media[id].endsWith("," + bytes));
};

open();
const introduced = ids.page.text();
const trace = [];
while (!ids.next.hidden) {
  if (trace.length === policy.closes) open(); // the browser was closed, and opened again
  const title = shown("h2")[0].text();
  const boxes = shown("input");
  if (boxes.length > 0) {
    ids.next.click();
    must(ids.problem.textContent.startsWith("Select"), "went on without an answer");
    const choices = shown("video").map(choiceOf);
    const wanted = choices.map((choice) => policy.select.includes(choice));
    boxes[0].change({ checked: true }); // "none of them", which selecting one takes back, and the other way around
    wanted.forEach((on, i) => on && (i % 2 ? press("abcdefghij"[i]) : shown("video")[i].click()));
    must(boxes[0].checked === !wanted.includes(true), "none and some at once");
    must(boxes.slice(1).every((box, i) => box.checked === wanted[i]), "the boxes do not show what was selected");
    trace.push([title, choices]);
  } else if (shown("button").some((button) => button.text().startsWith("Show"))) {
    ids.next.click();
    must(ids.problem.textContent === "Look at the reference first.", "did not wait for the reference");
    must(shown("select").length === 0, "showed the videos before their time");
    for (let tick = 0; shown("button")[0].disabled; tick += 1) {
      must(tick < 60, "never showed the videos");
      timers.shift()();
    }
    shown("button")[0].click();
    must(focused.at(-1) === "h2", "the focus went with the button");
    rankAll();
    trace.push([title, shown("video").length]);
  } else {
    trace.push([title]);
  }
  press("Enter");
  must(ids.problem.textContent === "", "stuck at " + title + ": " + ids.problem.textContent);
  must(focused.at(-1) === "h2", "the focus stayed behind");
}
shown("button")[0].click();
must(saved.length === 1 && saved[0].download.endsWith(".json"), "nothing was saved");
must(blobOf(saved[0].href) === shown("textarea")[0].value, "the text to copy differs");
console.log(JSON.stringify({ trace, introduction: introduced, saved: JSON.parse(blobOf(saved[0].href)) }));

/** Ranks in the order shown, by every way there is. */
function rankAll() {
  const selects = shown("select");
  const given = () => selects.map((select) => Number(select.value));
  selects[1].change({ value: "1" });
  press("a"); // the best that is left
  must(given()[0] === 2 && given()[1] === 1, "a letter does not give the best rank that is left");
  ids.next.click();
  must(ids.problem.textContent === "Not ranked yet: C.", "went on without a rank");
  selects[0].change({ value: "1" });
  must(given()[0] === 1 && given()[1] === 2, "two have one rank, or one has lost it");
  shown("video")[2].click();
  shown("video")[2].click();
  must(given()[2] === 0, "a second click does not take the rank away");
  press("c", "SELECT"); // keys of the list itself
  must(given()[2] === 0, "a key was taken from a list");
  press("c");
}
