// The lineage: layers from left to right, drawn on a canvas so that thousands of nodes stay smooth.

const NODE = { width: 208, height: 34, gapX: 84, gapY: 14 };

/// The items around `root` (all items without one): `up` and `down` levels, Infinity for all.
function neighbourhood(project, root, up, down, shows) {
  if (!root) return [...project.items.values()].filter(shows);
  const found = new Set([root]);
  const walk = (next, levels) => {
    let edge = [root];
    for (let level = 0; level < levels && edge.length; level++) {
      const further = [];
      for (const item of edge) for (const other of next(item)) if (shows(other) && !found.has(other)) { found.add(other); further.push(other); }
      edge = further;
    }
  };
  // Both from the root alone: the siblings of parents are no part of its lineage.
  walk(item => item.parents, up);
  walk(item => item.children, down);
  return [...found];
}

/// Places for nodes: layer by the longest path, rows so that edges are short.
function layout(items) {
  const nodes = new Map(items.map(item => [item, { item, layer: 0, row: 0, x: 0, y: 0, up: [], down: [] }]));
  for (const node of nodes.values()) {
    node.up = node.item.parents.map(item => nodes.get(item)).filter(Boolean);
    node.down = node.item.children.map(item => nodes.get(item)).filter(Boolean);
  }
  const all = [...nodes.values()];
  const waiting = new Map(all.map(node => [node, node.up.length]));
  const order = all.filter(node => !node.up.length);
  for (let at = 0; at < order.length; at++) {
    for (const child of order[at].down) {
      child.layer = Math.max(child.layer, order[at].layer + 1);
      waiting.set(child, waiting.get(child) - 1);
      if (!waiting.get(child)) order.push(child);
    }
  }
  // What nothing stands before moves next to what it feeds.
  for (const node of [...order].reverse()) if (node.down.length) node.layer = Math.max(node.layer, Math.min(...node.down.map(child => child.layer)) - 1);
  const alone = all.filter(node => !node.up.length && !node.down.length);
  const lonely = new Set(alone);
  const layers = [];
  for (const node of all) if (!lonely.has(node) || all.length === 1) (layers[node.layer] ??= []).push(node);
  const used = layers.filter(Boolean);
  used.forEach((layer, x) => layer.forEach((node, row) => { node.layer = x; node.row = row; }));
  const median = list => { const rows = list.map(node => node.y).sort((a, b) => a - b); return rows.length ? rows[rows.length >> 1] : null; };
  const step = NODE.height + NODE.gapY;
  used.forEach(layer => layer.forEach((node, row) => (node.y = row * step)));
  for (let sweep = 0; sweep < 14; sweep++) {
    const forward = sweep % 2 === 0;
    const sequence = forward ? used : [...used].reverse();
    for (const layer of sequence) {
      for (const node of layer) node.wish = median(forward ? node.up : node.down) ?? median(forward ? node.down : node.up) ?? node.y;
      layer.sort((a, b) => a.wish - b.wish || a.y - b.y);
      settle(layer, step);
    }
  }
  let low = Infinity, high = -Infinity;
  for (const layer of used) for (const node of layer) { node.x = node.layer * (NODE.width + NODE.gapX); low = Math.min(low, node.y); high = Math.max(high, node.y); }
  if (!used.length) { low = 0; high = -step; }
  // Those without any edge stand below, in a block.
  const across = Math.max(used.length, Math.min(6, Math.ceil(Math.sqrt(alone.length))));
  if (all.length > 1) alone.forEach((node, at) => { node.x = (at % across) * (NODE.width + NODE.gapX); node.y = high + step * (2 + Math.floor(at / across)); });
  return all;
}

/// Rows in their order, none over another, each near its wish: runs of nodes that push each other share the error.
function settle(layer, step) {
  const runs = [];
  layer.forEach((node, at) => {
    runs.push({ sum: node.wish - at * step, count: 1 });
    while (runs.length > 1 && runs.at(-2).sum / runs.at(-2).count > runs.at(-1).sum / runs.at(-1).count) {
      const last = runs.pop();
      runs.at(-1).sum += last.sum;
      runs.at(-1).count += last.count;
    }
  });
  let at = 0;
  for (const run of runs) for (let n = 0; n < run.count; n++, at++) layer[at].y = run.sum / run.count + at * step;
}

/// Draws nodes into `holder`. `choose(item)` on a click, `open(item)` on a double click.
function drawGraph(holder, nodes, { root, choose, open }) {
  const canvas = h("canvas", { role: "img", "aria-label": `Lineage of ${nodes.length} nodes` });
  holder.replaceChildren(canvas);
  holder.dataset.nodes = nodes.length;
  const pen = canvas.getContext("2d");
  const view = { x: 0, y: 0, scale: 1 };
  let hover = null, chosen = null, path = null, waiting = false, colours = {};
  const size = () => [canvas.clientWidth, canvas.clientHeight];
  const redraw = () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; paint(); }); } };

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["bg", "line", "text", "dim", "accent", "soft", ...SHOWN, "other"]) colours[name] = style.getPropertyValue(`--${name}`).trim();
  }
  const colourOf = type => colours[type] || (type === "unit_test" ? colours.test : /metric|semantic|saved/.test(type) ? colours.metric : colours.other);

  function fit() {
    const [width, height] = size();
    if (!nodes.length || !width) return;
    const left = Math.min(...nodes.map(node => node.x)), right = Math.max(...nodes.map(node => node.x + NODE.width));
    const top = Math.min(...nodes.map(node => node.y)), bottom = Math.max(...nodes.map(node => node.y + NODE.height));
    view.scale = Math.min(1.1, (width - 50) / (right - left), (height - 50) / (bottom - top));
    view.x = width / 2 - ((left + right) / 2) * view.scale;
    view.y = height / 2 - ((top + bottom) / 2) * view.scale;
    redraw();
  }
  function zoom(factor, x = size()[0] / 2, y = size()[1] / 2) {
    const scale = Math.min(2.5, Math.max(0.02, view.scale * factor));
    view.x = x - (x - view.x) * (scale / view.scale);
    view.y = y - (y - view.y) * (scale / view.scale);
    view.scale = scale;
    redraw();
  }
  function lit(node) {
    if (!node) return null;
    const found = new Set([node]);
    for (const side of ["up", "down"]) {
      const stack = [node];
      while (stack.length) for (const other of stack.pop()[side]) if (!found.has(other)) { found.add(other); stack.push(other); }
    }
    return found;
  }

  function paint() {
    const [width, height] = size();
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) { canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio); }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.translate(view.x, view.y);
    pen.scale(view.scale, view.scale);
    const seen = { left: -view.x / view.scale, top: -view.y / view.scale, right: (width - view.x) / view.scale, bottom: (height - view.y) / view.scale };
    const edges = bright => {
      pen.beginPath();
      for (const node of nodes) for (const child of node.down) {
        if (Boolean(path?.has(node) && path.has(child)) !== bright) continue;
        const x1 = node.x + NODE.width, y1 = node.y + NODE.height / 2, x2 = child.x, y2 = child.y + NODE.height / 2;
        if (Math.max(y1, y2) < seen.top || Math.min(y1, y2) > seen.bottom || x2 < seen.left || x1 > seen.right) continue;
        const bend = Math.max(30, (x2 - x1) / 2);
        pen.moveTo(x1, y1);
        pen.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2);
      }
      pen.strokeStyle = bright ? colours.accent : colours.other;
      pen.globalAlpha = bright ? 0.9 : path ? 0.16 : 0.45;
      pen.lineWidth = (bright ? 1.8 : 1.2) / Math.min(1, Math.max(view.scale, 0.3));
      pen.stroke();
      pen.globalAlpha = 1;
    };
    edges(false);
    if (path) edges(true);
    const readable = view.scale > 0.32;
    pen.font = "13px system-ui, sans-serif";
    pen.textBaseline = "middle";
    for (const node of nodes) {
      if (node.x > seen.right || node.x + NODE.width < seen.left || node.y > seen.bottom || node.y + NODE.height < seen.top) continue;
      const colour = colourOf(node.item.type);
      const isRoot = node.item === root, isChosen = node === chosen;
      pen.globalAlpha = path && !path.has(node) ? 0.35 : 1;
      if (!readable) {
        pen.fillStyle = colour;
        pen.fillRect(node.x, node.y, NODE.width, NODE.height);
        continue;
      }
      pen.beginPath();
      pen.roundRect(node.x, node.y, NODE.width, NODE.height, 8);
      pen.fillStyle = isRoot || isChosen ? colours.soft : colours.bg;
      pen.fill();
      pen.strokeStyle = isChosen || node === hover || isRoot ? colours.accent : colours.line;
      pen.lineWidth = isRoot || isChosen ? 2 : 1.2;
      pen.stroke();
      pen.beginPath();
      pen.roundRect(node.x + 10, node.y + 11, 12, 12, 4);
      pen.fillStyle = colour;
      pen.fill();
      pen.fillStyle = colours.text;
      node.short ??= shorten(node.item.type === "test" ? testLabel(node.item) : node.item.label, NODE.width - 42);
      pen.fillText(node.short, node.x + 31, node.y + NODE.height / 2 + 0.5);
    }
    pen.globalAlpha = 1;
  }
  function shorten(text, width) {
    if (pen.measureText(text).width <= width) return text;
    let keep = text.length;
    while (keep > 4 && pen.measureText(text.slice(0, keep) + "…").width > width) keep--;
    return text.slice(0, keep) + "…";
  }
  function at(event) {
    const box = canvas.getBoundingClientRect();
    const x = (event.clientX - box.left - view.x) / view.scale, y = (event.clientY - box.top - view.y) / view.scale;
    return nodes.find(node => x >= node.x && x <= node.x + NODE.width && y >= node.y && y <= node.y + NODE.height);
  }

  const held = new Map();
  let moved = false;
  canvas.addEventListener("pointerdown", event => { canvas.setPointerCapture(event.pointerId); held.set(event.pointerId, event); moved = false; });
  canvas.addEventListener("pointermove", event => {
    const before = held.get(event.pointerId);
    if (!before) {
      const over = at(event) ?? null;
      if (over !== hover) { hover = over; canvas.classList.toggle("over", Boolean(over)); canvas.title = over && over.short !== over.item.label ? over.item.label : ""; path = lit(hover ?? chosen); redraw(); }
      return;
    }
    if (Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY) > 3) moved = true;
    if (held.size === 2) {
      const other = [...held.values()].find(pointer => pointer.pointerId !== event.pointerId);
      const spread = pointer => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
      const box = canvas.getBoundingClientRect();
      zoom(spread(event) / Math.max(1, spread(before)), (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
    } else if (moved) {
      view.x += event.clientX - before.clientX;
      view.y += event.clientY - before.clientY;
      redraw();
    } else return;
    held.set(event.pointerId, event);
  });
  const release = event => {
    if (held.delete(event.pointerId) && !moved && event.type === "pointerup") { chosen = at(event) ?? null; path = lit(chosen); choose?.(chosen?.item ?? null); redraw(); }
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => { if (hover) { hover = null; path = lit(chosen); redraw(); } });
  canvas.addEventListener("dblclick", event => { const node = at(event); if (node) open?.(node.item); });
  canvas.addEventListener("wheel", event => {
    // Small previews scroll with the page; with Ctrl, or on the large stage, the wheel zooms.
    if (!holder.closest(".stage") && !event.ctrlKey) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  let first = true;
  new ResizeObserver(() => { if (first) { first = false; fit(); } else redraw(); }).observe(canvas);
  readColours();
  return { fit, zoom, recolour: () => { readColours(); redraw(); } };
}
