// The manifest and the catalog as the pages need them: one list of items with their parents, children and tests.

const SHOWN = ["model", "source", "seed", "snapshot", "exposure", "metric", "semantic_model", "saved_query", "function", "analysis", "test", "unit_test", "macro"];
const PLURAL = { model: "Models", source: "Sources", seed: "Seeds", snapshot: "Snapshots", exposure: "Exposures", metric: "Metrics", semantic_model: "Semantic models", saved_query: "Saved queries", function: "Functions", analysis: "Analyses", test: "Data tests", unit_test: "Unit tests", macro: "Macros" };
const IN_LINEAGE = new Set(["model", "source", "seed", "snapshot", "exposure", "metric", "semantic_model", "saved_query", "function", "analysis"]);
const INTERNAL = /^dbt(_athena|_adapters|_duckdb)?$/;

function readProject(manifest, catalog) {
  const items = new Map();
  const sections = ["nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "unit_tests", "functions", "macros"];
  for (const section of sections) {
    for (const [id, node] of Object.entries(manifest[section] ?? {})) {
      if (!SHOWN.includes(node.resource_type) || node.docs?.show === false) continue;
      if (node.resource_type === "macro" && INTERNAL.test(node.package_name)) continue;
      items.set(id, readItem(id, node, catalog));
    }
  }
  for (const [id, parents] of Object.entries(manifest.parent_map ?? {})) {
    const item = items.get(id);
    if (!item) continue;
    for (const parent of new Set(parents)) {
      const other = items.get(parent);
      if (!other) continue;
      item.parents.push(other);
      other.children.push(item);
    }
  }
  for (const item of items.values()) {
    if (item.type === "macro") readMacroLinks(item, items);
    if (item.type === "test") attachTest(item, items);
    if (item.type === "unit_test") item.parents[0]?.tests.push(item);
  }
  for (const item of items.values()) {
    item.parents.sort(byName);
    item.children.sort(byName);
    item.text = searchText(item);
  }
  return { items, name: manifest.metadata?.project_name ?? "project", metadata: manifest.metadata ?? {}, docs: manifest.docs ?? {}, groups: manifest.groups ?? {}, catalogTime: catalog?.metadata?.generated_at };
}

const byName = (a, b) => SHOWN.indexOf(a.type) - SHOWN.indexOf(b.type) || a.label.localeCompare(b.label);

function readItem(id, node, catalog) {
  const type = node.resource_type;
  const table = catalog?.nodes?.[id] ?? catalog?.sources?.[id];
  const label = type === "source" ? `${node.source_name}.${node.name}` : node.version != null ? `${node.name}.v${node.version}` : type === "exposure" && node.label ? node.label : node.name;
  return {
    id, type, node, table, label, name: node.name, package: node.package_name, path: node.original_file_path ?? node.path ?? "",
    description: node.description || (type === "source" ? node.source_description : "") || "",
    tags: [...new Set([...(node.tags ?? []), ...(node.config?.tags ?? [])])],
    meta: { ...(node.config?.meta ?? {}), ...(node.meta ?? {}) },
    columns: readColumns(node, table), parents: [], children: [], tests: [],
    raw: node.raw_code ?? node.macro_sql ?? "", compiled: node.compiled_code ?? "",
  };
}

/// The columns that are described and those that exist, in the table's order.
function readColumns(node, table) {
  const columns = new Map();
  for (const column of Object.values(table?.columns ?? {}).sort((a, b) => a.index - b.index)) {
    columns.set(column.name.toLowerCase(), { name: column.name, type: column.type, description: column.comment || "", tags: [], meta: {}, tests: [], constraints: [] });
  }
  for (const column of Object.values(node.columns ?? {})) {
    const known = columns.get(column.name.toLowerCase());
    columns.set(column.name.toLowerCase(), {
      name: known?.name ?? column.name, type: known?.type ?? column.data_type ?? "", description: column.description || known?.description || "",
      tags: column.tags ?? [], meta: column.meta ?? {}, tests: [], constraints: column.constraints ?? [], missing: Boolean(table) && !known,
    });
  }
  return [...columns.values()];
}

function attachTest(test, items) {
  const node = test.node;
  const target = items.get(node.attached_node) ?? (test.parents.length === 1 ? test.parents[0] : undefined);
  const targets = target ? [target] : test.parents;
  for (const item of targets) item.tests.push(test);
  if (!target || !node.column_name) return;
  const name = node.column_name.replace(/^["`]|["`]$/g, "").toLowerCase();
  target.columns.find(column => column.name.toLowerCase() === name)?.tests.push(test);
}

/// `unique`, `accepted_values: a, b`
function testLabel(test) {
  const about = test.node.test_metadata;
  if (!about) return test.label;
  const kwargs = about.kwargs ?? {};
  const name = about.namespace ? `${about.namespace}.${about.name}` : about.name;
  if (Array.isArray(kwargs.values)) return `${name}: ${kwargs.values.join(", ")}`;
  if (kwargs.to) return `${name}: ${String(kwargs.to).replace(/^\{\{\s*|\s*\}\}$/g, "")}${kwargs.field ? `.${kwargs.field}` : ""}`;
  return name;
}

function readMacroLinks(macro, items) {
  for (const id of macro.node.depends_on?.macros ?? []) {
    const other = items.get(id);
    if (!other) continue;
    macro.parents.push(other);
    other.children.push(macro);
  }
}

function searchText(item) {
  const low = text => String(text ?? "").toLowerCase();
  return {
    name: low(item.label), columns: item.columns.map(column => column.name.toLowerCase()), tags: low(item.tags.join(" ")),
    description: low(item.description + " " + item.columns.map(column => column.description).join(" ")),
    place: low([item.path, item.node.relation_name, item.node.owner?.name, item.node.owner?.email, JSON.stringify(item.meta)].join(" ")), code: low(item.raw),
  };
}

/// All words must be found somewhere; names count most.
function search(project, query, type) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const found = [];
  for (const item of project.items.values()) {
    if (type && item.type !== type) continue;
    let score = 0;
    const all = words.every(word => {
      const points = scoreWord(item, word);
      score += points;
      return points > 0;
    });
    if (!all) continue;
    if (item.type === "test" || item.type === "macro") score *= 0.6;
    if (item.package !== project.name) score *= 0.8;
    found.push({ item, score });
  }
  return found.sort((a, b) => b.score - a.score || byName(a.item, b.item));
}

function scoreWord(item, word) {
  const text = item.text;
  let points = 0;
  if (text.name === word) points += 100;
  else if (text.name.startsWith(word)) points += 50;
  else if (text.name.includes(word)) points += 30;
  if (text.tags.split(" ").includes(word)) points += 25;
  if (text.columns.includes(word)) points += 15;
  else if (text.columns.some(column => column.includes(word))) points += 8;
  if (text.description.includes(word)) points += 6;
  if (text.place.includes(word)) points += 3;
  if (text.code.includes(word)) points += 1;
  return points;
}
