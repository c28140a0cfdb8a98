(() => {
  const { names, settings } = data;
  const FEW = 5; // worst, and best
  const MANY = 100; // rows shown at once
  const rows = data.rows.map(([name, setting, components, certified, labelled, right, sure, iou, seconds], i) => ({
    i, name: names[name], setting,
    certified: [certified, components], accuracy: [right, labelled], certifiedAccuracy: [sure, labelled],
    iou, seconds,
  }));
  const SHARES = ["certified", "accuracy", "certifiedAccuracy"];
  let order = { key: "certifiedAccuracy", down: false };
  let limit = MANY;

  // Rounded down, as in the table: 100% means all.
  function percent([part, whole]) {
    if (!whole) return "–";
    const thousandths = Math.floor((1000 * part) / whole);
    if (part && !thousandths) return "<0.1%";
    return `${Math.floor(thousandths / 10)}.${thousandths % 10}%`;
  }

  const value = (row, key) => {
    if (SHARES.includes(key)) return row[key][1] ? row[key][0] / row[key][1] : -1; // no truth comes last
    return key === "setting" ? row.setting : row[key];
  };
  const text = (row, key) => {
    if (SHARES.includes(key)) return percent(row[key]);
    if (key === "setting") return settings[row.setting];
    if (key === "iou") return (Math.floor(1000 * row.iou + 1e-9) / 1000).toFixed(3);
    return key === "seconds" ? row.seconds.toFixed(2) : row[key];
  };
  const natural = new Intl.Collator("en", { numeric: true });
  const compare = (key) => (a, b) =>
    (key === "name" ? natural.compare(a.name, b.name) : value(a, key) - value(b, key)) || natural.compare(a.name, b.name) || a.i - b.i;

  const atSetting = () => rows.filter((row) => $("setting").value === "all" || row.setting === Number($("setting").value));
  const element = (tag, content = "", name = "") => Object.assign(document.createElement(tag), { textContent: content, className: name });

  function showExtremes() {
    const key = $("measure").value;
    const found = atSetting().filter((row) => !SHARES.includes(key) || row[key][1]).sort(compare(key));
    const few = Math.min(FEW, Math.ceil(found.length / 2));
    list($("worst"), found.slice(0, few), key);
    list($("best"), found.slice(-few).reverse(), key);
  }

  function list(place, some, key) {
    place.replaceChildren(...some.map((row) => {
      const item = element("li");
      const meter = element("span", text(row, key), "meter");
      meter.append($("bar").content.cloneNode(true));
      meter.querySelector(".fill").setAttribute("width", 100 * Math.max(0, value(row, key)));
      item.append(element("span", row.name, "who"), meter);
      if ($("setting").value === "all") item.append(element("small", settings[row.setting], "note"));
      return item;
    }));
  }

  function found() {
    const holds = $("holds").value.trim().toLowerCase();
    const most = $("most").value === "" ? 100 : Number($("most").value);
    const kept = atSetting().filter((row) => row.name.toLowerCase().includes(holds) && 100 * row.certifiedAccuracy[0] <= most * row.certifiedAccuracy[1]);
    kept.sort(compare(order.key));
    return order.down ? kept.reverse() : kept;
  }

  function showRows() {
    const kept = found();
    const heads = [...document.querySelectorAll("#rows [data-key]")];
    heads.find((head) => head.dataset.key === "setting").hidden = $("setting").value !== "all";
    const keys = heads.filter((head) => !head.hidden).map((head) => head.dataset.key);
    $("rows").tBodies[0].replaceChildren(...kept.slice(0, limit).map((row) => {
      const line = element("tr");
      for (const key of keys) {
        const cell = element(key === "name" ? "th" : "td", text(row, key), ["name", "setting"].includes(key) ? "" : "number");
        if (key === "name") cell.scope = "row";
        line.append(cell);
      }
      return line;
    }));
    for (const head of heads) {
      if (head.dataset.key === order.key) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    $("shown").textContent = `${Math.min(limit, kept.length)} of ${atSetting().length} rows are shown`;
    $("more").hidden = kept.length <= limit;
    $("more").textContent = `Show ${Math.min(MANY, kept.length - limit)} more of ${kept.length} rows`;
  }

  // IoU and shares of the classes; of all settings together they would mean nothing.
  function showClasses() {
    const all = $("setting").value === "all";
    const table = $("by-class");
    table.hidden = all;
    $("by-class-title").nextElementSibling.hidden = $("by-class-title").hidden = all;
    if (all) return;
    table.tBodies[0].replaceChildren(...data.byClass[Number($("setting").value)].flatMap(([whole, right, sure, union], i) => {
      if (!union) return []; // neither there nor predicted
      const line = element("tr");
      line.append(Object.assign(element("th", data.classes[i]), { scope: "row" }));
      const iou = (Math.floor((1000 * right) / union) / 1000).toFixed(3);
      for (const text of [whole.toLocaleString("en"), percent([right, whole]), percent([sure, whole]), iou]) line.append(element("td", text, "number"));
      return [line];
    }));
  }

  function again() {
    limit = MANY;
    showRows();
  }

  $("setting").addEventListener("change", () => { showExtremes(); showClasses(); again(); });
  $("measure").addEventListener("change", showExtremes);
  for (const name of ["holds", "most"]) $(name).addEventListener("input", again);
  $("more").addEventListener("click", () => { limit += MANY; showRows(); });
  for (const head of document.querySelectorAll("#rows [data-key]")) {
    head.querySelector("button").addEventListener("click", () => {
      const { key } = head.dataset;
      order = { key, down: order.key === key ? !order.down : false };
      again();
    });
  }
  $("viewer").hidden = false;
  showExtremes();
  showClasses();
  showRows();
})();
