"use strict";

// Elements, and pictures and clips that are shown side by side.

/** An element with attributes, properties and children. */
function make(tag, settings = {}, ...children) {
  const element = Object.assign(document.createElement(tag), settings);
  element.append(...children);
  return element;
}

const heading = (text) => make("h2", { tabIndex: -1, textContent: text });
const paragraph = (text) => make("p", { textContent: text });

function button(text, clicked) {
  const element = make("button", { type: "button", textContent: text });
  element.addEventListener("click", clicked);
  return element;
}

const addresses = new Map();

/** An address that every browser plays a clip from; some do not from data. */
function playable(uri) {
  if (!addresses.has(uri)) {
    const bytes = Uint8Array.from(atob(uri.slice(uri.indexOf(",") + 1)), (letter) => letter.charCodeAt(0));
    addresses.set(uri, URL.createObjectURL(new Blob([bytes], { type: "video/mp4" })));
  }
  return addresses.get(uri);
}

function medium(uri, name) {
  if (uri.startsWith("data:image")) return make("img", { src: uri, alt: name });
  const video = make("video", { muted: true, playsInline: true, preload: "auto", src: playable(uri) });
  video.setAttribute("aria-label", name);
  return video;
}

/** A picture or clip with what stands below it; a click is an answer, or leaves the enlarged view. */
function tile(uri, name, clicked, ...below) {
  const shown = medium(uri, name);
  shown.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : clicked()));
  const larger = button("Enlarge", () => shown.requestFullscreen());
  larger.setAttribute("aria-label", "Enlarge " + name);
  return make("figure", {}, shown, make("figcaption", {}, ...below, larger));
}

/** Tiles of one aspect, as large as the window allows. */
function tiled(figures, aspect) {
  const grid = make("div", { className: "tiles" }, ...figures);
  grid.style.setProperty("--aspect", aspect);
  Object.assign(grid.dataset, { aspect, count: figures.length });
  return grid;
}

/** Sizes the tiles for the window, so that all are seen at once where they are not too small for it. */
function arrange() {
  const grid = document.querySelector(".tiles");
  if (!grid) return;
  const top = grid.getBoundingClientRect().top + scrollY;
  const height = innerHeight - top - document.querySelector("nav").offsetHeight;
  const caption = Math.max(...[...grid.querySelectorAll("figcaption")].map((below) => below.offsetHeight));
  const { count, aspect } = grid.dataset;
  const { columns, tile: width } = tiling(Number(count), Number(aspect), grid.clientWidth, height, caption);
  grid.style.gridTemplateColumns = `repeat(${columns}, ${width}px)`;
}

/** Plays all videos of some figures side by side, again and again; the buttons for it, and what they do. */
function player(figures) {
  const videos = figures.flatMap((figure) => [...figure.querySelectorAll("video")]);
  if (videos.length === 0) return { controls: "", toggle: () => {} };
  const pausing = button("Pause", toggle);
  const controls = make("p", { className: "controls" }, pausing, button("From the start", restart));
  const label = () => (pausing.textContent = videos.every((video) => video.paused) ? "Play" : "Pause");

  function play() {
    Promise.all(videos.map((video) => video.play())).then(label, label);
  }
  function restart() {
    videos.forEach((video) => (video.currentTime = 0));
    play();
  }
  function toggle() {
    const playing = videos.some((video) => !video.paused);
    if (playing) videos.forEach((video) => video.pause());
    else if (videos.every((video) => video.ended)) restart();
    else play();
    if (playing) label();
  }

  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const waiting = new Set(videos);
  for (const video of videos) {
    video.addEventListener("canplay", () => {
      const last = waiting.delete(video) && waiting.size === 0;
      if (last && !calm && video.isConnected) restart();
    });
    video.addEventListener("ended", () => videos.every((other) => other.ended) && restart());
  }
  if (calm) pausing.textContent = "Play";
  return { controls, toggle };
}
