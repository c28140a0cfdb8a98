(() => {
  const little = (text, size) => {
    const view = new DataView(bytesOf(text).buffer);
    const read = size === 2 ? "getUint16" : "getUint32";
    return Array.from({ length: view.byteLength / size }, (_, i) => view[read](size * i, true));
  };
  const [labels, state, counts] = [data.labels, data.state, data.counts].map(bytesOf);
  const [base, truth] = [data.base, data.truth].map((text) => text && bytesOf(text));
  const radiusColours = bytesOf(data.radiusColours); // white where there is none: grey here, as all that is not said
  const hits = little(data.hits, data.wide ? 4 : 2);
  const numbers = little(data.points, 2);
  const total = labels.length;
  const CERTIFIED = 1;
  const GREY = [196, 200, 203];
  const OUTCOMES = [[84, 134, 176], [200, 62, 30], GREY, [246, 205, 172]];
  const START = { yaw: -0.6, pitch: 0.35, zoom: 1 };
  const EYE = 4; // distance of the eye from the centre, in radii of the cloud
  const canvas = $("cloud");
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  const turned = new Float32Array(3 * total); // y up, inside the unit ball
  const screen = new Float32Array(3 * total); // column, row, nearness
  const colours = new Uint8Array(3 * total);
  const shown = new Uint8Array(total).fill(1);
  let camera = { ...START };
  let at = -1; // the point that is read
  let waiting = false;
  let spoken = 0;

  const place = (i) => [0, 1, 2].map((k) => data.low[k] + data.step[k] * numbers[3 * i + k]);

  function turnUp() {
    const half = data.step.map((step) => (65535 * step) / 2);
    let reach = 0;
    for (let i = 0; i < total; i++) {
      const [x, y, z] = half.map((middle, k) => data.step[k] * numbers[3 * i + k] - middle);
      turned.set(data.up === "z" ? [x, z, -y] : [x, y, z], 3 * i);
      reach = Math.max(reach, Math.hypot(x, y, z));
    }
    for (let i = 0; i < 3 * total; i++) turned[i] /= reach || 1;
  }

  // Colours of the layer; a hidden part is not drawn, nor read.
  const outcome = (i) => (truth[i] === 255 ? [128, 132, 138] : OUTCOMES[2 * (state[i] !== CERTIFIED) + (truth[i] !== labels[i])]);
  const byRadius = (i) => {
    const entry = entryOf(hits[i]);
    return data.evidence.radii[entry] ? radiusColours.subarray(3 * entry, 3 * entry + 3) : GREY;
  };
  const painters = {
    base: (i) => data.palette[base[i]] ?? GREY,
    radii: byRadius,
    parts: (i) => data.palette[labels[i]],
    certified: (i) => (state[i] === CERTIFIED ? data.palette[labels[i]] : GREY),
    counts: (i) => counts.subarray(3 * hits[i], 3 * hits[i] + 3),
    truth: (i) => data.palette[truth[i]] ?? GREY,
    errors: outcome,
  };

  function paint() {
    const key = chosen("layer");
    const off = hiddenKeys();
    for (let i = 0; i < total; i++) {
      shown[i] = !off.has(String(labels[i])) && !off.has(["abstained", "", "untested"][state[i]]);
      colours.set(painters[key](i), 3 * i);
    }
    for (const text of document.querySelectorAll("[data-layer]")) text.hidden = text.dataset.layer !== key;
    draw();
  }

  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; render(); });
  }

  function project(width, height) {
    const [cy, sy] = [Math.cos(camera.yaw), Math.sin(camera.yaw)];
    const [cp, sp] = [Math.cos(camera.pitch), Math.sin(camera.pitch)];
    const scale = 0.46 * Math.min(width, height) * camera.zoom;
    for (let i = 0; i < 3 * total; i += 3) {
      const [px, py, pz] = [turned[i], turned[i + 1], turned[i + 2]];
      const [x, back] = [cy * px + sy * pz, cy * pz - sy * px];
      const [y, z] = [cp * py - sp * back, sp * py + cp * back];
      const near = (scale * EYE) / (EYE - z);
      screen[i] = width / 2 + near * x;
      screen[i + 1] = height / 2 - near * y;
      screen[i + 2] = z;
    }
  }

  // Discs with a depth buffer; what is far fades towards the white of the stage.
  function render() {
    const { width, height } = canvas;
    if (!width || !height) return;
    project(width, height);
    const picture = brush.createImageData(width, height);
    const dots = new Uint32Array(picture.data.buffer).fill(0xffffffff);
    const depth = new Float32Array(width * height).fill(-9);
    const radius = discRadius();
    const reach = Math.ceil(radius);
    for (let i = 0; i < total; i++) {
      if (!shown[i]) continue;
      const [x, y, z] = [screen[3 * i] | 0, screen[3 * i + 1] | 0, screen[3 * i + 2]];
      const fade = 0.38 * Math.min(1, Math.max(0, (1 - z) / 2));
      const [r, g, b] = [0, 1, 2].map((k) => colours[3 * i + k] + (255 - colours[3 * i + k]) * fade);
      const dot = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
      for (let v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach); v++) {
        for (let u = Math.max(0, x - reach); u <= Math.min(width - 1, x + reach); u++) {
          const k = v * width + u;
          if ((u - x) ** 2 + (v - y) ** 2 > radius * radius || z <= depth[k]) continue;
          depth[k] = z;
          dots[k] = dot;
        }
      }
    }
    brush.putImageData(picture, 0, 0);
    ring(radius);
  }

  const discRadius = () => {
    const apart = Math.sqrt((0.25 * Math.min(canvas.width, canvas.height) ** 2) / total);
    return Math.min(14, Math.max(1, 0.7 * apart * camera.zoom ** 0.7));
  };

  function ring(radius) {
    if (at < 0 || !shown[at]) return;
    for (const [colour, line] of [["#fff", 5], ["#111", 2]]) {
      brush.beginPath();
      brush.arc(screen[3 * at], screen[3 * at + 1], radius + 5, 0, 7);
      brush.strokeStyle = colour;
      brush.lineWidth = line;
      brush.stroke();
    }
  }

  // The point that is read: the nearest to the eye among those close to the pointer.
  function pick(x, y) {
    const within = Math.max(discRadius() + 1, 4 * (canvas.width / canvas.clientWidth));
    let best = -1;
    for (let i = 0; i < total; i++) {
      const far = (screen[3 * i] - x) ** 2 + (screen[3 * i + 1] - y) ** 2;
      if (shown[i] && far <= within * within && (best < 0 || screen[3 * i + 2] > screen[3 * best + 2])) best = i;
    }
    return best;
  }

  const nameOf = (label, otherwise = "not labelled") => data.names[label] ?? otherwise;

  function reason(i) {
    if (data.threshold > data.n || state[i] === 2) return "";
    if (hits[i] < data.threshold) return ` (< ${data.threshold})`;
    return ` (≥ ${data.threshold}${state[i] || !data.shortfall ? "" : `, but ${data.shortfall}`})`;
  }

  function read(i, aloud) {
    if (i === at && !aloud) return;
    at = i;
    draw();
    $("tip").hidden = i < 0;
    if (i < 0) return;
    const result = ["abstained", "certified", "not tested"][state[i]];
    const count = `${hits[i]} of ${data.n}`;
    $("read-point").textContent = String(i);
    $("read-place").textContent = place(i).map((value) => value.toPrecision(4)).join(", ");
    $("read-class").textContent = nameOf(labels[i]);
    $("read-count").textContent = count;
    $("read-result").textContent = result + reason(i);
    const [p, radius] = [state[i] === 2 ? "–" : pText(hits[i]), radiusText(hits[i], state[i] === CERTIFIED)];
    writeWhole($("read-p"), p);
    $("read-radius").textContent = radius;
    if (base) $("read-base").textContent = nameOf(base[i], "none");
    if (truth) $("read-truth").textContent = nameOf(truth[i]);
    const short = `Point ${i}: ${nameOf(labels[i])}, ${count}, ${result}`;
    const others = `${base ? `; base ${nameOf(base[i], "none")}` : ""}${truth ? `; truth ${nameOf(truth[i])}` : ""}`;
    $("tip").textContent = short + others;
    clearTimeout(spoken);
    if (aloud) spoken = setTimeout(() => ($("spoken").textContent = `${short}, p-value ${p}, radius ${radius}${others}`), 250);
    putTip();
  }

  function putTip() {
    const ratio = canvas.clientWidth / canvas.width;
    const [x, y, tip] = [screen[3 * at] * ratio, screen[3 * at + 1] * ratio, $("tip")];
    const left = Math.min(Math.max(4, x + 14), canvas.clientWidth - tip.offsetWidth - 4);
    const top = y + 16 + tip.offsetHeight > canvas.clientHeight ? y - tip.offsetHeight - 14 : y + 14;
    tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  function step(by) {
    for (let k = 1; k <= total; k++) {
      const i = (((at < 0 ? (by > 0 ? -1 : 0) : at) + by * k) % total + total) % total;
      if (shown[i]) return read(i, true);
    }
  }

  // Camera.
  function turn(yaw, pitch) {
    camera.yaw += yaw;
    camera.pitch = Math.min(1.57, Math.max(-1.57, camera.pitch + pitch));
    $("tip").hidden = true;
    draw();
  }
  function zoom(by) {
    camera.zoom = Math.min(20, Math.max(0.3, camera.zoom * by));
    $("tip").hidden = true;
    draw();
  }
  function reset() {
    camera = { ...START };
    $("tip").hidden = true;
    draw();
  }

  const fingers = new Map();
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  function readAt(event) {
    const box = canvas.getBoundingClientRect();
    const ratio = canvas.width / box.width;
    read(pick((event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio), false);
  }
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    readAt(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    const from = fingers.get(event.pointerId);
    if (!from) return readAt(event);
    const before = fingers.size === 2 ? spread() : 0;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 2) zoom(spread() / Math.max(before, 1));
    else turn(0.008 * (event.clientX - from.x), 0.008 * (event.clientY - from.y));
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => { if (!fingers.size) read(-1, false); });
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-0.0015 * event.deltaY)); }, { passive: false });
  canvas.addEventListener("dblclick", reset);
  const keys = {
    ArrowLeft: () => turn(-0.12, 0), ArrowRight: () => turn(0.12, 0), ArrowUp: () => turn(0, -0.12), ArrowDown: () => turn(0, 0.12),
    "+": () => zoom(1.2), "=": () => zoom(1.2), "-": () => zoom(1 / 1.2), r: reset, n: () => step(1), p: () => step(-1),
  };
  canvas.addEventListener("keydown", (event) => {
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    act();
  });
  $("in").addEventListener("click", () => zoom(1.3));
  $("out").addEventListener("click", () => zoom(1 / 1.3));
  $("reset").addEventListener("click", reset);
  for (const radio of document.querySelectorAll("input[name=layer]")) radio.addEventListener("change", paint);
  legend(paint);

  $("viewer").hidden = false;
  turnUp();
  paint();
  new ResizeObserver(() => {
    const ratio = Math.min(devicePixelRatio, 2);
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    draw();
  }).observe(canvas);
})();
