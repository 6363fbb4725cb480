"use strict";
// The gallery and the viewer of one image. An instance is an array, written by gallery.py.
const ID = 0, KINDS = 1, IOU = 2, AREA = 3, PATH = 4, BOX = 5, SCORE = 6;
const PAGE = 48; // cards added at a time
let data, byId, median; // filled by start
const $ = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "image", "rect", "clipPath", "line", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const className = (kind) => data.kinds[kind].replace(" ", "-");
const kindOf = (instance) => instance[KINDS][0]; // that of the colour
const isError = (instance) => kindOf(instance) > 0;
// Each kind is counted on one side: two partners are one found instance.
const sideOf = (kind) => (["false", "merged"].includes(data.kinds[kind]) ? "predicted" : "truth");
const number = (value) => value.toFixed(2);

function picture(image) {
  const [width, height] = image.picture;
  if (!image.source) return element("rect", { width, height, fill: "#222" });
  return element("image", { href: image.source, width, height });
}

// A dark line below the outlines makes them visible on bright images too.
function halo(instances) {
  return element("path", { d: instances.map((instance) => instance[PATH]).join(""), class: "outline halo" });
}

// One path per kind: a page has many thousand instances.
function merged(instances, side) {
  const paths = new Map();
  for (const instance of instances) paths.set(kindOf(instance), (paths.get(kindOf(instance)) || "") + instance[PATH]);
  const drawn = [...paths].map(([kind, d]) => element("path", { d, class: `outline ${side} o-${className(kind)}` }));
  return [halo(instances), ...drawn];
}

function around(box) {
  const side = Math.max(box[2], box[3]) * 1.8 + 16;
  return [box[0] + box[2] / 2 - side / 2, box[1] + box[3] / 2 - side / 2, side, side];
}

function link(image, side, instance) {
  const target = side ? `&${side}=${instance[ID]}` : "";
  return `#image=${encodeURIComponent(image.id)}${target}`;
}

function card(item) {
  const { image, side, instance } = item;
  const box = side ? around(instance[BOX]) : [0, 0, ...image.picture];
  const truth = side ? image.truth : image.truth.filter(isError);
  const drawn = element("svg", { viewBox: box.join(" "), "aria-hidden": "true" }, picture(image),
    ...merged(truth, "true"), ...merged(image.predicted, "predicted"));
  const text = side
    ? `${side === "truth" ? "true" : "predicted"} ${instance[ID]}, ${instance[AREA]} pixels, IoU ${number(instance[IOU])}`
    : `AP50 ${number(image.score)}, ${image.num[0]} true, ${image.errors} errors`;
  return element("a", { class: "card", href: link(image, side, instance) }, drawn,
    element("span", {}, image.id), element("span", {}, text));
}

/* ---- the grid of images or errors ---- */
const SORTS = {
  images: {
    "worst first": (a, b) => a.image.score - b.image.score,
    "best first": (a, b) => b.image.score - a.image.score,
    "nearest to the median": (a, b) => Math.abs(a.image.score - median) - Math.abs(b.image.score - median),
    "most errors": (a, b) => b.image.errors - a.image.errors,
    "most instances": (a, b) => b.image.num[0] - a.image.num[0],
    "name": (a, b) => a.image.id.localeCompare(b.image.id),
  },
  errors: {
    "largest first": (a, b) => b.instance[AREA] - a.instance[AREA],
    "smallest first": (a, b) => a.instance[AREA] - b.instance[AREA],
    "lowest IoU first": (a, b) => a.instance[IOU] - b.instance[IOU],
    "highest IoU first": (a, b) => b.instance[IOU] - a.instance[IOU],
    "highest score first": (a, b) => (b.instance[SCORE] ?? -1) - (a.instance[SCORE] ?? -1),
    "name": (a, b) => a.image.id.localeCompare(b.image.id),
  },
};
const chosen = { kind: 0, sort: "", name: "", limit: PAGE }; // kind 0: images

function instancesOf(image, kind) {
  const side = sideOf(kind);
  return image[side].filter((instance) => instance[KINDS].includes(kind)).map((instance) => ({ image, side, instance }));
}

function items() {
  const images = data.images.filter((image) => image.id.toLowerCase().includes(chosen.name.toLowerCase()));
  const shown = chosen.kind ? images.flatMap((image) => instancesOf(image, chosen.kind)) : images.map((image) => ({ image }));
  return shown.sort(SORTS[chosen.kind ? "errors" : "images"][chosen.sort]);
}

let listed = []; // ids of the images in the order of the grid, for next and previous
function render() {
  const all = items();
  listed = [...new Set(all.map((item) => item.image.id))];
  $("cards").replaceChildren(...all.slice(0, chosen.limit).map(card));
  $("more").hidden = all.length <= chosen.limit;
  $("count").textContent = `${all.length} ${chosen.kind ? `instances, ${data.kinds[chosen.kind]}` : "images"}`;
}

function offerSorts() {
  const names = Object.keys(SORTS[chosen.kind ? "errors" : "images"]);
  $("sort").replaceChildren(...names.map((name) => element("option", {}, name)));
  chosen.sort = names[0];
}

function radio(parent, group, text, checked, act) {
  const input = element("input", { type: "radio", name: group });
  input.checked = checked;
  input.addEventListener("change", act);
  parent.append(element("label", {}, input, ` ${text}`));
  return input;
}

function setUpGrid() {
  const used = data.kinds.map((_, kind) => data.images.reduce((sum, image) => sum + image.kinds[kind], 0));
  data.kinds.forEach((name, kind) => {
    if (kind && !used[kind]) return;
    const all = data.num_of_kinds[kind], number = used[kind] < all ? `${used[kind]} of ${all}` : all;
    radio($("kinds"), "kind", kind ? `${name} (${number})` : `images (${data.images.length})`, !kind, () => {
      Object.assign(chosen, { kind, limit: PAGE });
      offerSorts();
      render();
    });
    if (used[kind]) $("keys").append(element("li", {}, element("span", { class: `key k-${className(kind)}` }), name));
  });
  $("keys").append(element("li", {}, "solid: true, dashed: predicted"));
  $("sort").addEventListener("change", () => { chosen.sort = $("sort").value; render(); });
  $("name").addEventListener("input", () => { Object.assign(chosen, { name: $("name").value, limit: PAGE }); render(); });
  $("controls").addEventListener("submit", (event) => event.preventDefault());
  $("more").addEventListener("click", () => { chosen.limit += PAGE; render(); });
  const shown = data.images.length, all = data.num_images;
  $("shown").textContent = shown < all
    ? `${shown} of ${all} images: the worst, the best and some in between; only their errors are shown. Click an image to enlarge it.`
    : "All images, sorted by their AP at IoU 0.50. Click an image to enlarge it.";
  offerSorts();
  render();
}

/* ---- the viewer ---- */
const LAYERS = ["truth", "prediction", "both", "image", "half and half"];
const view = { image: null, box: [0, 0, 1, 1], layer: 2, target: null };
const layerInputs = LAYERS.map((name, index) =>
  radio($("layers"), "layer", name, index === view.layer, () => { view.layer = index; draw(); }));

const namesOf = (instance) => instance[KINDS].map((kind) => data.kinds[kind]).join(", ");

function described(instance, side) {
  const score = instance[SCORE] === undefined ? "" : `, score ${number(instance[SCORE])}`;
  return `${namesOf(instance)}: ${side === "truth" ? "true" : "predicted"} ${instance[ID]}, ${instance[AREA]} pixels, IoU ${number(instance[IOU])}${score}`;
}

function outlinesOf(side, clip) {
  const group = element("g", clip ? { "clip-path": `url(#${clip})` } : {}, halo(view.image[side]));
  // Errors on top: neighbours share the sides of their pixels.
  for (const instance of [...view.image[side]].sort((a, b) => isError(a) - isError(b))) {
    const kind = `outline ${side === "truth" ? "true" : "predicted"} o-${className(kindOf(instance))}`;
    group.append(element("path", { d: instance[PATH], class: kind }, element("title", {}, described(instance, side))));
  }
  return group;
}

function draw() {
  const { image, layer, target } = view;
  const [width, height] = image.picture, at = width * $("wipe").value / 100;
  const svg = element("svg", { role: "img", "aria-label": `${image.id}, outlines: ${LAYERS[layer]}` }, picture(image));
  if (layer === 4) {
    svg.append(
      element("clipPath", { id: "left" }, element("rect", { x: 0, y: 0, width: at, height })),
      element("clipPath", { id: "right" }, element("rect", { x: at, y: 0, width: width - at, height })),
      outlinesOf("truth", "left"), outlinesOf("predicted", "right"),
      element("line", { class: "target", x1: at, x2: at, y1: 0, y2: height }));
  }
  if (layer === 0 || layer === 2) svg.append(outlinesOf("truth"));
  if (layer === 1 || layer === 2) svg.append(outlinesOf("predicted"));
  if (target) {
    const [x, y, w, h] = target[BOX];
    svg.append(element("rect", { class: "target", x: x - 3, y: y - 3, width: w + 6, height: h + 6 }));
  }
  $("view").replaceChildren(svg);
  layerInputs.forEach((input, index) => { input.checked = index === layer; });
  applyView();
}

const applyView = () => $("view").firstChild.setAttribute("viewBox", view.box.join(" "));

function zoom(factor, x = view.box[0] + view.box[2] / 2, y = view.box[1] + view.box[3] / 2) {
  const [left, top, width, height] = view.box;
  const limited = Math.min(Math.max(width / factor, 8), view.image.picture[0] * 2) / width;
  view.box = [x - (x - left) * limited, y - (y - top) * limited, width * limited, height * limited];
  applyView();
}

function move(across, down) {
  view.box[0] += across * view.box[2];
  view.box[1] += down * view.box[3];
  applyView();
}

function fit() { view.box = [0, 0, ...view.image.picture]; applyView(); }

function open(image, side, instance) {
  Object.assign(view, { image, target: instance || null });
  view.box = instance ? around(instance[BOX]) : [0, 0, ...image.picture];
  $("viewer-title").textContent = image.id;
  $("facts").textContent = `AP50 ${number(image.score)}; ${image.num[0]} true, ${image.num[1]} predicted; ${image.size[1]} x ${image.size[0]} pixels (width x height).`;
  const errors = ["truth", "predicted"].flatMap((side) => image[side].filter(isError).map((instance) => ({ side, instance })));
  $("errors").replaceChildren(...errors.map((item) => {
    const button = element("button", { type: "button", title: described(item.instance, item.side) },
      element("span", { class: `key k-${className(kindOf(item.instance))}` }),
      `${namesOf(item.instance)} ${item.side === "truth" ? "true" : "predicted"} ${item.instance[ID]}`);
    button.addEventListener("click", () => {
      Object.assign(view, { target: item.instance, box: around(item.instance[BOX]) });
      draw();
    });
    return element("li", {}, button);
  }));
  const position = listed.indexOf(image.id);
  $("previous").disabled = position <= 0;
  $("next").disabled = position < 0 || position + 1 >= listed.length;
  draw();
  if (!$("viewer").open) $("viewer").showModal();
}

function step(by) {
  const image = byId.get(listed[listed.indexOf(view.image.id) + by]);
  if (image) location.hash = link(image);
}

// The address has the open image, so that it can be shared, and "back" works.
function route() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const image = byId.get(wanted.get("image"));
  if (!image) { if ($("viewer").open) $("viewer").close(); return; }
  const side = ["truth", "predicted"].find((name) => wanted.has(name));
  open(image, side, side && image[side].find((candidate) => String(candidate[ID]) === wanted.get(side)));
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const onRange = event.target.type === "range", onButton = event.target.tagName === "BUTTON";
  const acts = {
    "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), "0": fit,
    "n": () => step(1), "p": () => step(-1),
    " ": () => { view.layer = view.layer === 0 ? 1 : 0; draw(); },
    ArrowLeft: () => move(-0.15, 0), ArrowRight: () => move(0.15, 0), ArrowUp: () => move(0, -0.15), ArrowDown: () => move(0, 0.15),
  };
  LAYERS.forEach((_, index) => { acts[String(index + 1)] = () => { view.layer = index; draw(); }; });
  const isArrow = event.key.startsWith("Arrow");
  if (!acts[event.key] || (onRange && isArrow) || (onButton && event.key === " ")) return;
  if (event.target.type === "radio" && isArrow) return;
  event.preventDefault();
  acts[event.key]();
}

function inPicture(event) {
  const point = new DOMPoint(event.clientX, event.clientY);
  return point.matrixTransform($("view").firstChild.getScreenCTM().inverse());
}

function setUpViewer() {
  $("in").addEventListener("click", () => zoom(1.5));
  $("out").addEventListener("click", () => zoom(1 / 1.5));
  $("reset").addEventListener("click", fit);
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("close").addEventListener("click", () => $("viewer").close());
  $("wipe").addEventListener("input", () => { view.layer = 4; draw(); });
  // No element has this id, so the page does not scroll.
  $("viewer").addEventListener("close", () => { if (location.hash.startsWith("#image=")) location.hash = "#closed"; });
  $("viewer").addEventListener("keydown", pressed);
  $("view").addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = inPicture(event);
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, x, y);
  }, { passive: false });
  let held = null;
  $("view").addEventListener("pointerdown", (event) => { held = inPicture(event); $("view").setPointerCapture(event.pointerId); });
  $("view").addEventListener("pointerup", () => { held = null; });
  $("view").addEventListener("pointercancel", () => { held = null; });
  $("view").addEventListener("pointermove", (event) => {
    if (!held) return;
    const { x, y } = inPicture(event);
    view.box[0] += held.x - x;
    view.box[1] += held.y - y;
    applyView();
  });
  window.addEventListener("hashchange", route);
}

function showExamples() {
  if (!$("examples")) return;
  const ordered = [...data.images].sort((a, b) => a.id.localeCompare(b.id)).slice(0, 6);
  $("examples").append(...ordered.map((image) => element("a", { class: "card", href: link(image) },
    element("svg", { viewBox: [0, 0, ...image.picture].join(" "), "aria-hidden": "true" }, picture(image),
      halo(image.truth), element("path", { d: image.truth.map((item) => item[PATH]).join(""), class: "outline o-found" })),
    element("span", {}, image.id), element("span", {}, `${image.num[0]} true instances`))));
}

async function unpacked() {
  const bytes = Uint8Array.from(atob($("gallery-data").textContent), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

async function start() {
  data = await unpacked();
  byId = new Map(data.images.map((image) => [image.id, image]));
  const scores = data.images.map((image) => image.score).sort((a, b) => a - b);
  median = scores[Math.floor(scores.length / 2)];
  setUpGrid();
  setUpViewer();
  showExamples();
  route();
}

start();
