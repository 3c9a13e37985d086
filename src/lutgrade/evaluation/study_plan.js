"use strict";

// The study without its page: orders, answers and sizes.

const PARTS = ["artifact", "mood", "intent"];
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const GAP = 12; // pixels between tiles
const SMALLEST = 200; // pixels: tiles are not shown narrower, and scroll instead

/** Numbers in [0, 1) from a seed of 32 bits: Mulberry32. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A copy in an order drawn from a generator: Fisher and Yates. */
function shuffled(items, random) {
  const order = items.slice();
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/** The pages in a participant's order: the questions of each part, and the choices of each question, by the seed. */
function plan(study, seed) {
  const random = generator(seed);
  const pages = [{ kind: "introduction" }];
  for (const part of PARTS) {
    const asked = study.questions.filter((question) => part !== "intent" || question.description);
    if (asked.length === 0) continue;
    pages.push({ kind: "part", part, count: asked.length });
    shuffled(asked, random).forEach((question, index) => {
      const choices = shuffled(part === "artifact" ? question.artifact : question.choices, random);
      const key = part + "/" + question.id;
      pages.push({ kind: "question", key, part, number: index + 1, count: asked.length, question, choices });
    });
  }
  pages.push({ kind: "end" });
  return pages;
}

/** Where a page stands, in words. */
function standing(page) {
  if (page.kind === "introduction") return "Introduction";
  if (page.kind === "end") return "All questions answered";
  const part = `Part ${PARTS.indexOf(page.part) + 1}`;
  return page.kind === "part" ? part : `${part}, question ${page.number} of ${page.count}`;
}

/** The answer to an artifact question after a video, or (null) "none of them", was selected or not. */
function marked(answer, choice, on) {
  if (choice === null) return { selected: on ? [] : answer.selected, none: on };
  const others = answer.selected.filter((other) => other !== choice);
  return { selected: on ? [...others, choice] : others, none: answer.none && !on };
}

/** The ranks after a choice was given one, or none (0). Whoever had it takes the choice's former one, if any. */
function ranked(ranks, choice, rank) {
  const given = { ...ranks };
  const former = given[choice];
  delete given[choice];
  if (rank === 0) return given;
  const holder = Object.keys(given).find((other) => given[other] === rank);
  if (holder !== undefined) delete given[holder];
  if (holder !== undefined && former) given[holder] = former;
  return { ...given, [choice]: rank };
}

/** The best rank that no choice has yet; 0 where all are given. */
function freeRank(ranks, choices) {
  const given = Object.values(ranks);
  return choices.map((_, index) => index + 1).find((rank) => !given.includes(rank)) || 0;
}

/** What keeps an answer from being complete, or "". */
function problem(page, answer) {
  if (page.kind !== "question") return "";
  if (page.part === "artifact") {
    const given = answer && (answer.none || answer.selected.length > 0);
    return given ? "" : "Select every video that has artifacts, or “None has artifacts”.";
  }
  const missing = LETTERS.split("").filter((_, i) => i < page.choices.length && !(answer || {})[page.choices[i]]);
  return missing.length === 0 ? "" : "Not ranked yet: " + missing.join(", ") + ".";
}

/** The answers as they are exported. */
function exported(study, session, finished) {
  const answers = {};
  for (const page of plan(study, session.seed)) {
    if (page.kind !== "question") continue;
    const answer = session.answers[page.key];
    const entry = (answers[page.question.id] = answers[page.question.id] || {});
    entry[page.part] = page.part === "artifact" ? answer.selected : answer;
  }
  const { participant, seed, started } = session;
  return { study: study.study, participant, seed, started, finished, answers };
}

/**
 * How many columns show pictures largest within a width and a height, and how wide each picture then is, in pixels.
 * `aspect` is their width by their height, `caption` the height of what stands below each.
 */
function tiling(count, aspect, width, height, caption) {
  let found = { columns: 1, tile: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const across = (width - GAP * (columns - 1)) / columns;
    const down = ((height - GAP * (rows - 1)) / rows - caption) * aspect;
    const tile = Math.min(across, down);
    if (tile > found.tile) found = { columns, tile };
  }
  if (found.tile >= Math.min(SMALLEST, width)) return { columns: found.columns, tile: Math.floor(found.tile) };
  const columns = Math.max(1, Math.min(count, Math.floor((width + GAP) / (SMALLEST + GAP))));
  return { columns, tile: Math.floor((width - GAP * (columns - 1)) / columns) };
}

if (typeof module !== "undefined") {
  module.exports = { generator, shuffled, plan, marked, ranked, freeRank, problem, exported, tiling };
}
