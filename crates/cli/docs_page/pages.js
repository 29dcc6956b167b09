// One function per page; each gives the element that becomes the content of <main>.

const hrefOf = item => `#!/${item.type}/${encodeURIComponent(item.id)}`;
const lineageOf = (item, up = 2, down = 2) => `#!/lineage/${encodeURIComponent(item.id)}?up=${up}&down=${down}`;
const dot = type => h("span", { class: `dot t-${type}` });
const kindOf = item => h("div", { class: `kind t-${item.type}` }, dot(item.type), item.type === "test" && !item.node.test_metadata ? "data test" : item.type.replace("_", " "));
const linkTo = item => h("a", { href: hrefOf(item), title: item.id }, dot(item.type), item.type === "test" ? testLabel(item) : item.label);

function overviewPage(project) {
  const counts = SHOWN.map(type => [type, [...project.items.values()].filter(item => item.type === type).length]).filter(([, count]) => count);
  const own = Object.values(project.docs).find(doc => doc.name === `__${project.name}__`) ?? Object.values(project.docs).find(doc => doc.name === "__overview__" && !INTERNAL.test(doc.package_name));
  const exposures = [...project.items.values()].filter(item => item.type === "exposure");
  const time = project.metadata.generated_at ? new Date(project.metadata.generated_at).toLocaleString() : "";
  return h("div", { class: "page" },
    h("h1", {}, project.name),
    h("div", { class: "sub" }, [project.metadata.adapter_type, time && `generated ${time}`, project.catalogTime ? null : "no catalog: types and sizes are missing"].filter(Boolean).join(" · ")),
    h("div", { class: "cards" }, counts.map(([type, count]) => h("a", { class: `card t-${type}`, href: `#!/list/${type}` }, h("b", {}, String(count)), dot(type), " ", h("span", {}, PLURAL[type])))),
    own ? markdown(own.block_contents) : [h("h2", {}, "Lineage"), preview(project, null)],
    exposures.length ? [h("h2", {}, "Exposures"), exposures.map(resultRow)] : null);
}

function listPage(project, type) {
  const items = [...project.items.values()].filter(item => item.type === type).sort((a, b) => (a.package !== project.name) - (b.package !== project.name) || byName(a, b));
  return h("div", { class: "page" }, h("h1", {}, PLURAL[type] ?? type), h("div", { class: "sub" }, `${items.length}`), items.slice(0, 500).map(item => resultRow(item)), items.length > 500 ? h("p", { class: "none" }, `and ${items.length - 500} more: search for them`) : null);
}

function resultRow(item, words = []) {
  const snippet = item.description.split(/\n\s*\n/)[0].replace(/[#*`>]/g, "").trim();
  const columns = words.length ? item.columns.filter(column => words.some(word => column.name.toLowerCase().includes(word))).slice(0, 6) : [];
  return h("a", { class: "result", href: hrefOf(item), "data-id": item.id },
    kindOf(item), h("div", {}, h("b", {}, marked(item.label, words))), h("div", { class: "sub" }, `${item.package} · ${item.path}`),
    snippet ? h("div", { class: "snip" }, marked(snippet, words)) : null,
    columns.length ? h("div", { class: "chips" }, columns.map(column => h("span", { class: "chip" }, h("span", {}, marked(column.name, words))))) : null);
}

function searchPage(project, query, type, choose) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const all = search(project, query);
  const types = SHOWN.map(kind => [kind, all.filter(hit => hit.item.type === kind).length]).filter(([, count]) => count);
  const hits = type ? all.filter(hit => hit.item.type === type) : all;
  return h("div", { class: "page" },
    h("h1", {}, hits.length === 1 ? "1 result" : `${hits.length} results`), h("div", { class: "sub" }, `for ${query}`),
    types.length > 1 ? h("div", { class: "chips tabs" }, [["", all.length], ...types].map(([kind, count]) => h("button", { "aria-selected": String(kind === (type ?? "")), onclick: () => choose(kind) }, kind ? [dot(kind), ` ${PLURAL[kind]}`] : "All", ` ${count}`))) : null,
    hits.slice(0, 60).map(hit => resultRow(hit.item, words)),
    hits.length > 60 ? h("p", { class: "none" }, `and ${hits.length - 60} more: add a word`) : null,
    hits.length ? null : h("p", { class: "none" }, "Names, descriptions, columns, tags, paths and code were searched; every word must be found."));
}

function itemPage(project, item) {
  document.title = `${item.label} · ${project.name}`;
  const { node } = item;
  return h("div", { class: "page", "data-id": item.id },
    kindOf(item), h("h1", {}, item.label),
    h("div", { class: "sub" }, node.relation_name?.replaceAll('"', "").replaceAll("`", "") ?? `${item.package} · ${item.path}`),
    chips(item, project),
    facts(item),
    h("h2", {}, "Description"), item.description.trim() ? markdown(item.description) : h("p", { class: "none" }, "Not described."),
    node.arguments?.length ? [h("h2", {}, "Arguments"), argumentsTable(node.arguments)] : null,
    overloadsOf(item),
    item.columns.length ? [h("h2", {}, "Columns"), columnsTable(item)] : null,
    otherTests(item),
    unitTestFacts(item),
    item.parents.length + item.children.length ? linksOf(item) : null,
    IN_LINEAGE.has(item.type) && item.parents.length + item.children.length ? [h("h2", {}, "Lineage"), preview(project, item)] : null,
    metaTable(item),
    codeOf(item));
}

function chips(item, project) {
  const { node } = item;
  const chip = (text, kind) => text && h("span", { class: `chip ${kind ?? ""}` }, text);
  const group = node.group ?? node.config?.group;
  return h("div", { class: "chips" },
    chip(node.config?.materialized), chip(node.access && node.access !== "protected" ? node.access : null), chip(group && `group: ${group}`),
    chip(node.version != null && String(node.version) === String(node.latest_version) ? "latest version" : null), chip(node.contract?.enforced ? "contract" : null),
    chip(node.deprecation_date && `deprecated ${String(node.deprecation_date).slice(0, 10)}`, "warn"), chip(node.maturity && `maturity: ${node.maturity}`),
    item.package !== project.name ? chip(`package: ${item.package}`) : null,
    item.tags.map(tag => h("a", { class: "chip tag", href: `#!/search/${encodeURIComponent(tag)}` }, `# ${tag}`)));
}

function facts(item) {
  const { node, table } = item;
  const owner = node.owner ?? {};
  const rows = [
    ["Type", table?.metadata?.type ?? (item.type === "exposure" ? node.type : null)], ["Owner", [owner.name, owner.email].flat().filter(Boolean).join(", ") || table?.metadata?.owner],
    ["Path", item.path], ["Returns", node.returns?.data_type], ["Language", node.language === "python" ? "python" : null], ["Loader", node.loader], ["Database", node.database], ["Schema", node.schema],
    ["Unique key", [node.config?.unique_key].flat().filter(Boolean).join(", ")], ["Incremental strategy", node.config?.incremental_strategy], ["Partitioned by", [node.config?.partitioned_by].flat().filter(Boolean).join(", ")],
    ["Table type", node.config?.table_type], ["Severity", item.type === "test" && node.config?.severity], ["Freshness", freshness(node.freshness)], ["Loaded at", node.loaded_at_field], ["URL", node.url && h("a", { href: safe(node.url), target: "_blank", rel: "noopener" }, node.url)],
    ...Object.values(table?.stats ?? {}).filter(stat => stat.include && stat.id !== "has_stats").map(stat => [stat.label, /bytes|size/i.test(stat.id) && Number.isFinite(stat.value) ? bytes(stat.value) : typeof stat.value === "number" ? stat.value.toLocaleString() : String(stat.value)]),
  ].filter(([, value]) => value);
  return rows.length ? h("dl", { class: "facts" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))) : null;
}

const freshness = rule => [["warn after", rule?.warn_after], ["error after", rule?.error_after]].filter(([, limit]) => limit?.count).map(([word, limit]) => `${word} ${limit.count} ${limit.period}${limit.count === 1 ? "" : "s"}`).join(", ");
function bytes(count) {
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let at = 0;
  while (count >= 1000 && at < units.length - 1) { count /= 1000; at++; }
  return `${count >= 100 || at === 0 ? Math.round(count) : count.toFixed(1)} ${units[at]}`;
}

function columnsTable(item) {
  const anyTests = item.columns.some(column => column.tests.length || column.constraints.length);
  return h("div", { class: "wide" }, h("table", { id: "columns" },
    h("thead", {}, h("tr", {}, h("th", {}, "Name"), h("th", {}, "Type"), h("th", {}, "Description"), anyTests ? h("th", {}, "Tests") : null)),
    h("tbody", {}, item.columns.map(column => h("tr", {},
      h("td", { class: "name" }, column.name, column.missing ? h("div", {}, h("span", { class: "chip warn", title: "It is described, and the table in the catalog has no such column" }, "not in the table")) : null),
      h("td", { class: "type" }, column.type),
      h("td", {}, column.description ? markdown(column.description) : null, column.tags.length ? h("div", { class: "chips" }, column.tags.map(tag => h("span", { class: "chip tag" }, `# ${tag}`))) : null, Object.keys(column.meta).length ? h("div", { class: "sub" }, JSON.stringify(column.meta)) : null),
      anyTests ? h("td", {}, h("div", { class: "chips", style: "margin:0" }, column.constraints.map(rule => h("span", { class: "chip" }, rule.type)), column.tests.map(testChip))) : null)))));
}
const testChip = test => h("a", { class: "chip test", href: hrefOf(test), title: test.label }, testLabel(test));

function argumentsTable(list) {
  return h("div", { class: "wide" }, h("table", {}, h("thead", {}, h("tr", {}, ["Name", "Type", "Description"].map(head => h("th", {}, head)))),
    h("tbody", {}, list.map(one => h("tr", {}, h("td", { class: "name" }, one.name), h("td", { class: "type" }, one.type ?? one.data_type ?? "", one.default_value != null ? h("span", { class: "sub" }, ` = ${one.default_value}`) : null), h("td", {}, one.description ? markdown(one.description) : null))))));
}

/// Further signatures of a function.
function overloadsOf(item) {
  const list = item.node.overloads ?? [];
  const signature = one => `${item.name}(${(one.arguments ?? []).map(each => `${each.name} ${each.data_type}`).join(", ")})${one.returns ? ` → ${one.returns.data_type}` : ""}`;
  return list.length ? [h("h2", {}, "Overloads"), list.map(one => [h("h3", {}, h("code", {}, signature(one))), one.description ? markdown(one.description) : null, one.raw_body ? h("pre", {}, h("code", {}, highlight(one.raw_body))) : null])] : null;
}

/// Tests of the whole relation.
function otherTests(item) {
  const onColumns = new Set(item.columns.flatMap(column => column.tests));
  const rest = item.tests.filter(test => !onColumns.has(test));
  return rest.length ? [h("h2", {}, "Tests"), h("div", { class: "chips" }, rest.map(test => h("a", { class: "chip test", href: hrefOf(test), title: test.id }, test.type === "unit_test" ? `unit: ${test.label}` : testLabel(test))))] : null;
}

function unitTestFacts(item) {
  if (item.type !== "unit_test") return null;
  const rows = value => (Array.isArray(value) ? JSON.stringify(value, null, 2) : String(value ?? ""));
  return [h("h2", {}, "Given"), item.node.given.map(given => [h("h3", {}, h("code", {}, given.input)), h("pre", {}, rows(given.rows))]), h("h2", {}, "Expected"), h("pre", {}, rows(item.node.expect?.rows))];
}

function linksOf(item) {
  const side = (title, list) => h("div", {}, h("h2", {}, title), list.length ? h("ul", {}, list.slice(0, 60).map(other => h("li", {}, linkTo(other))), list.length > 60 ? h("li", { class: "none" }, `and ${list.length - 60} more`) : null) : h("p", { class: "none" }, "Nothing."));
  const children = item.children.filter(child => child.type !== "test" && child.type !== "unit_test");
  return h("div", { class: "links" }, side("Depends on", item.parents), side("Referenced by", children));
}

function metaTable(item) {
  const entries = Object.entries(item.meta);
  return entries.length ? [h("h2", {}, "Meta"), h("div", { class: "wide" }, h("table", {}, h("tbody", {}, entries.map(([key, value]) => h("tr", {}, h("td", { class: "name" }, key), h("td", {}, typeof value === "string" ? value : JSON.stringify(value)))))))] : null;
}

function codeOf(item) {
  const kinds = [["Source", item.raw], ["Compiled", item.compiled]].filter(([, code]) => code.trim());
  if (!kinds.length) return null;
  const pre = h("pre", { id: "code" });
  const tabs = h("div", { class: "tabs", role: "tablist" });
  const show = at => {
    pre.replaceChildren(h("code", {}, item.node.language === "python" ? kinds[at][1] : highlight(kinds[at][1])));
    [...tabs.querySelectorAll("[role=tab]")].forEach((tab, index) => tab.setAttribute("aria-selected", String(index === at)));
    copy.onclick = async () => { await navigator.clipboard?.writeText(kinds[at][1]); copy.textContent = "Copied"; setTimeout(() => (copy.textContent = "Copy"), 1200); };
  };
  const copy = h("button", { class: "right" }, "Copy");
  tabs.append(...kinds.map(([name], at) => h("button", { role: "tab", onclick: () => show(at) }, name)), copy);
  show(0);
  return [h("h2", {}, "Code"), tabs, pre];
}

/// A small lineage; a click opens the node.
function preview(project, item) {
  const shows = other => IN_LINEAGE.has(other.type);
  const near = neighbourhood(project, item, 1, 1, shows);
  const stage = h("div", { class: "graph" });
  const href = item ? lineageOf(item) : "#!/lineage";
  requestAnimationFrame(() => (currentGraph = drawGraph(stage, layout(near), { root: item, choose: other => other && other !== item && (location.hash = hrefOf(other)) })));
  return h("div", {}, h("div", { class: "mini" }, stage), h("div", { class: "tabs", style: "margin-top:8px" }, h("a", { class: "button", href }, item ? "Open the lineage" : "Open the whole lineage")));
}

let currentGraph = null;

function lineagePage(project, root, settings, change) {
  const { up, down, tests, others } = settings;
  const shows = item => (IN_LINEAGE.has(item.type) || (tests && (item.type === "test" || item.type === "unit_test"))) && (others || item.type !== "analysis");
  const nodes = layout(neighbourhood(project, root, up, down, shows));
  const stage = h("div", { class: "graph" });
  const about = h("div", { class: "about", hidden: true });
  const tell = item => {
    about.hidden = !item;
    if (!item) return;
    about.replaceChildren(kindOf(item), h("div", {}, h("b", {}, item.label)), h("p", {}, item.description.split("\n")[0].slice(0, 160)), h("div", { class: "tabs" }, h("a", { class: "button", href: hrefOf(item) }, "Open"), h("a", { class: "button", href: lineageOf(item, 2, 2) }, "Focus")));
  };
  const level = (name, value) => h("span", { class: "field" }, name, h("button", { "aria-label": `Fewer ${name}`, onclick: () => change({ [name]: value === Infinity ? 5 : Math.max(0, value - 1) }) }, "−"), h("output", {}, value === Infinity ? "all" : String(value)), h("button", { "aria-label": `More ${name}`, onclick: () => change({ [name]: value >= 5 ? Infinity : value + 1 }) }, "+"));
  const box = (name, label, on) => h("label", {}, h("input", { type: "checkbox", checked: on, onchange: () => change({ [name]: !on }) }), label);
  const names = h("datalist", { id: "names" }, [...project.items.values()].filter(shows).slice(0, 3000).map(item => h("option", { value: item.label })));
  const focus = h("input", { type: "text", list: "names", placeholder: "Focus on…", value: root?.label ?? "", "aria-label": "Focus on a node", onchange: event => change({ focus: [...project.items.values()].find(item => IN_LINEAGE.has(item.type) && item.label === event.target.value) ?? null }) });
  requestAnimationFrame(() => {
    currentGraph = drawGraph(stage, nodes, { root, choose: tell, open: item => (location.hash = hrefOf(item)) });
  });
  return h("div", { class: "lineage" },
    h("div", { class: "bar" }, focus, names, root ? [level("up", up), level("down", down), h("button", { onclick: () => change({ focus: null }) }, "Show all")] : null, box("tests", "Tests", tests), h("span", { class: "sub", style: "margin-left:auto" }, nodes.length === 1 ? "1 node" : `${nodes.length} nodes`)),
    h("div", { class: "stage" }, stage, about, h("div", { class: "zoom" }, h("button", { "aria-label": "Zoom in", onclick: () => currentGraph.zoom(1.3) }, "+"), h("button", { "aria-label": "Zoom out", onclick: () => currentGraph.zoom(1 / 1.3) }, "−"), h("button", { "aria-label": "Fit", title: "Show everything", onclick: () => currentGraph.fit() }, "⤢"))));
}
