(() => {
  const { width, height, step, n, threshold, shortfall, root, names, starts, restBytes } = data;
  const stage = $("stage");
  const lens = $("lens").getContext("2d");
  const LENS_PIXELS = 11;
  const ABSTAIN = 255; // in the layer of certified labels
  const STRIPE = 8; // pixels of the screen from stripe to stripe
  let values = null; // { labels, certified, untested, hits, base, truth }, one number per pixel
  let at = null; // { x, y }, the pixel that is read
  let spoken = 0;

  // The radii are the counts with other colours: only the palette of the picture is another.
  function recoloured(url, colours) {
    const file = bytesOf(url.slice(url.indexOf(",") + 1));
    const view = new DataView(file.buffer);
    for (let i = 8; i < file.length; i += 12 + view.getUint32(i)) {
      if (String.fromCharCode(...file.subarray(i + 4, i + 8)) !== "PLTE") continue;
      file.set(colours, i + 8);
      view.setUint32(i + 8 + colours.length, checksum(file.subarray(i + 4, i + 8 + colours.length)));
      break;
    }
    let text = "";
    for (let i = 0; i < file.length; i += 0x8000) text += String.fromCharCode(...file.subarray(i, i + 0x8000));
    return `data:image/png;base64,${btoa(text)}`;
  }

  // CRC-32, PNG specification (W3C, third edition), annex D.
  function checksum(bytes) {
    let sum = 0xffffffff;
    for (const byte of bytes) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
    }
    return ~sum >>> 0;
  }

  const source = (key) => document.querySelector(`#figure-${key} > img`)?.src;
  if (data.evidence.radii) {
    const picture = Object.assign(new Image(width, height), { alt: "The largest radius proved at each pixel, by colour; white: none." });
    picture.src = recoloured(source("counts"), bytesOf(data.radiusColours));
    $("figure-radius").prepend(picture);
    $("figure-radius").hidden = false;
  }

  // The other picture lies below; the layer, its hatching and the veil over hidden classes above.
  const add = (parent, tag, name) => parent.appendChild(Object.assign(document.createElement(tag), { className: name }));
  const under = add(stage, "img", "");
  const over = add(stage, "div", "over");
  const layer = add(over, "img", "");
  const hatch = add(over, "canvas", "");
  const veil = add(stage, "canvas", "");
  const edge = add(stage, "div", "edge");
  const here = add(stage, "div", "here");
  under.alt = layer.alt = "";
  for (const picture of [under, hatch, veil]) [picture.width, picture.height] = [width, height];
  hatch.hidden = veil.hidden = edge.hidden = here.hidden = true;

  const share = () => Number($("blend").value) / 100;
  const fades = () => $("fade").checked;

  function showLayer() {
    layer.src = source(chosen("layer"));
    under.src = source($("under").value);
    $("blend").disabled = chosen("layer") === $("under").value;
    drawHatch();
    for (const picture of [layer, under]) picture.decode().then(drawLens, () => {});
  }

  function blend() {
    const percent = Math.round(100 * share());
    over.style.opacity = fades() ? 1 - share() : 1;
    over.style.clipPath = fades() ? "none" : `inset(0 0 0 ${percent}%)`;
    edge.hidden = fades() || !percent || percent === 100;
    edge.style.left = `${percent}%`;
    $("blend-value").textContent = `${percent}%`;
    drawLens();
  }

  function sharpen() {
    const enlarged = stage.clientWidth * devicePixelRatio > width;
    for (const picture of [under, layer, hatch, veil]) picture.classList.toggle("enlarged", enlarged);
    drawHatch();
    mark();
  }

  // Stripes over abstentions, so that they are not taken for a white thing.
  function drawHatch() {
    hatch.hidden = !$("hatched").checked || chosen("layer") !== "certified" || !values;
    if (hatch.hidden) return drawLens();
    const period = Math.max(4, Math.round((STRIPE * width) / Math.max(stage.clientWidth, 1)));
    const stripes = new ImageData(width, height);
    const dots = new Uint32Array(stripes.data.buffer);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        if (!isCertified(i) && (x + y) % period < period / 3) dots[i] = 0xff8a827d; // alpha, blue, green, red
      }
    }
    hatch.getContext("2d").putImageData(stripes, 0, 0);
    drawLens();
  }

  // Values: the pictures are read byte by byte, since a canvas may give back altered colours.
  async function decode(url, bytes) {
    const file = bytesOf(url.slice(url.indexOf(",") + 1));
    const view = new DataView(file.buffer);
    const parts = [];
    for (let i = 8; i < file.length; i += 12 + view.getUint32(i)) {
      const kind = String.fromCharCode(...file.subarray(i + 4, i + 8));
      if (kind === "IDAT") parts.push(file.subarray(i + 8, i + 8 + view.getUint32(i)));
    }
    const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
    return unfilter(new Uint8Array(await new Response(stream).arrayBuffer()), bytes);
  }

  // PNG specification (W3C, third edition), section 9: none, sub, up, average, Paeth.
  function unfilter(raw, bytes) {
    const row = width * bytes;
    const out = new Uint8Array(row * height);
    for (let y = 0, k = 0, from = 0; y < height; y++) {
      const filter = raw[from++];
      for (let i = 0; i < row; i++, k++) {
        const left = i < bytes ? 0 : out[k - bytes];
        const up = y ? out[k - row] : 0;
        const corner = y && i >= bytes ? out[k - row - bytes] : 0;
        let guess = 0;
        if (filter === 1) guess = left;
        else if (filter === 2) guess = up;
        else if (filter === 3) guess = (left + up) >> 1;
        else if (filter === 4) guess = paeth(left, up, corner);
        out[k] = raw[from++] + guess;
      }
    }
    return out;
  }

  function paeth(left, up, corner) {
    const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
    return a <= b && a <= c ? left : b <= c ? up : corner;
  }

  async function readValues() {
    const labels = await decode(source("predicted"), 1);
    const certified = await decode(source("certified"), 1);
    const untested = $("untested") ? await decode($("untested").textContent, 1) : null;
    const levels = await decode(source("counts"), 1);
    const rest = restBytes ? await decode($("rest").textContent, restBytes) : [];
    const hits = Uint32Array.from(levels, (level, i) => {
      let more = 0;
      for (let k = 0; k < restBytes; k++) more = 256 * more + rest[restBytes * i + k];
      return starts[level] + more;
    });
    const [base, truth] = [source("base") && await decode(source("base"), 1), source("truth") && await decode(source("truth"), 1)];
    values = { labels, certified, untested, hits, base, truth };
    read();
    drawVeil();
    drawHatch();
  }

  // The pixel that is read.
  function moveTo(x, y, aloud) {
    at = { x: Math.min(width - 1, Math.max(0, x)), y: Math.min(height - 1, Math.max(0, y)) };
    mark();
    drawLens();
    const sentence = read();
    clearTimeout(spoken);
    if (aloud) spoken = setTimeout(() => ($("spoken").textContent = sentence), 250);
  }

  function mark() {
    here.hidden = !at;
    if (!at) return;
    here.style.left = `${(100 * (at.x + 0.5)) / width}%`;
    here.style.top = `${(100 * (at.y + 0.5)) / height}%`;
  }

  function drawLens() {
    if (!at) return;
    const size = lens.canvas.width;
    const cell = size / LENS_PIXELS;
    const reach = (LENS_PIXELS - 1) / 2;
    const box = [at.x - reach, at.y - reach, LENS_PIXELS, LENS_PIXELS, 0, 0, size, size];
    lens.clearRect(0, 0, size, size);
    lens.imageSmoothingEnabled = false;
    const cut = at.x + 0.5 >= share() * width ? 1 : 0;
    const opacity = fades() ? 1 - share() : cut;
    for (const [picture, alpha] of [[under, 1], [layer, opacity], ...(hatch.hidden ? [] : [[hatch, opacity]])]) {
      lens.globalAlpha = alpha;
      if (picture === hatch || picture.naturalWidth) lens.drawImage(picture, ...box);
    }
    lens.globalAlpha = 1;
    for (const [colour, grow] of [["#111", 1.5], ["#fff", 0]]) {
      lens.strokeStyle = colour;
      lens.lineWidth = 1.5;
      lens.strokeRect(reach * cell - grow, reach * cell - grow, cell + 2 * grow, cell + 2 * grow);
    }
  }

  function read() {
    if (!at || !values) return "";
    const i = at.y * width + at.x;
    const [label, hits] = [values.labels[i], values.hits[i]];
    const untested = Boolean(values.untested?.[i]);
    const result = untested ? "not tested" : isCertified(i) ? "certified" : "abstained";
    const count = `${hits} of ${n}${label === root ? " for one member" : ""}`;
    const p = untested || label === root ? "–" : pText(hits);
    const radius = radiusText(values.hits[i], isCertified(i));
    $("read-pixel").textContent = place();
    nameIn($("read-class"), label);
    $("read-count").textContent = count;
    writeWhole($("read-p"), p);
    $("read-result").textContent = result + reason(i);
    $("read-radius").textContent = radius;
    let sentence = `Pixel ${place()}: ${names[label]}, ${count}, ${result}, p-value ${p}, radius ${radius}`;
    for (const key of ["base", "truth"]) {
      if (!values[key]) continue;
      nameIn($(`read-${key}`), values[key][i], key === "base" ? "none" : "not labelled");
      sentence += `; ${key} ${$(`read-${key}`).textContent}`;
    }
    return sentence;
  }

  const place = () => `${at.x * step}, ${at.y * step}`;

  // The count is needed, but it does not always decide.
  function reason(i) {
    if (threshold > n || values.untested?.[i]) return "";
    if (values.hits[i] < threshold) return ` (<\u00a0${threshold})`;
    return ` (≥\u00a0${threshold}${isCertified(i) || !shortfall ? "" : `, but ${shortfall}`})`;
  }

  const isCertified = (i) => values.certified[i] !== ABSTAIN;

  function nameIn(spot, index, otherwise) {
    const swatch = document.querySelector(`#keys [data-class="${index}"] svg`)?.cloneNode(true);
    spot.replaceChildren(...(swatch ? [swatch] : []), names[index] ?? otherwise);
  }

  // What is not shown goes dark.
  function drawVeil() {
    const off = hiddenKeys();
    veil.hidden = !off.size || !values;
    if (veil.hidden) return;
    const dark = names.map((_, label) => off.has(String(label)));
    const [abstained, untested] = ["abstained", "untested"].map((key) => off.has(key));
    const shade = new ImageData(width, height);
    const dots = new Uint32Array(shade.data.buffer);
    for (let i = 0; i < dots.length; i++) {
      const out = values.untested?.[i] ? untested : abstained && !isCertified(i);
      if (out || dark[values.labels[i]]) dots[i] = 0xe01a1614; // alpha, blue, green, red
    }
    veil.getContext("2d").putImageData(shade, 0, 0);
  }

  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  stage.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const by = event.shiftKey ? 10 : 1;
    const from = at ?? { x: width >> 1, y: height >> 1 };
    moveTo(from.x + by * step[0], from.y + by * step[1], true);
  });
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * height);
    moveTo(x, y, event.type === "pointerdown");
  };
  stage.addEventListener("pointermove", follow);
  stage.addEventListener("pointerdown", follow);
  for (const radio of document.querySelectorAll("input[name=layer]")) radio.addEventListener("change", showLayer);
  $("under").addEventListener("change", showLayer);
  $("blend").addEventListener("input", blend);
  $("fade").addEventListener("change", blend);
  $("hatched").addEventListener("change", drawHatch);
  legend(drawVeil);

  $("viewer").hidden = false;
  showLayer();
  blend();
  new ResizeObserver(sharpen).observe(stage);
  readValues().catch(() => {
    $("read-result").textContent = "this browser cannot read the values";
  });
})();
