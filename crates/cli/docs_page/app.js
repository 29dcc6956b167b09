// Reads the artifacts, then shows the page that the address names. Addresses have the form of dbt's own site: #!/model/model.shop.orders

const main = document.getElementById("main");
const searchBox = document.getElementById("search");
const tree = document.getElementById("tree");
let project, tab = "project", searchType = "";

async function artifact(name) {
  const embedded = document.getElementById(`data-${name}`);
  if (embedded) return JSON.parse(embedded.textContent);
  const answer = await fetch(`${name}.json`, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${name}.json: ${answer.status}`);
  return answer.json();
}

async function start() {
  let manifest, catalog;
  try {
    [manifest, catalog] = await Promise.all([artifact("manifest"), artifact("catalog").catch(() => null)]);
  } catch (error) {
    main.replaceChildren(h("div", { class: "failure" }, h("h1", {}, "The project could not be read"), h("p", {}, String(error.message)),
      h("p", {}, location.protocol === "file:" ? ["A browser does not read manifest.json from a file. Run ", h("code", {}, "owlet docs serve"), ", or make one file with ", h("code", {}, "owlet docs generate --static"), "."] : ["Run ", h("code", {}, "owlet docs generate"), " first."])));
    return;
  }
  project = readProject(manifest, catalog);
  document.getElementById("project-name").textContent = project.name;
  showTree();
  addEventListener("hashchange", show);
  show();
}

function route() {
  const [path, query] = decodeHash().split("?");
  const [page, ...rest] = path.split("/");
  return { page: page || "overview", id: decodeURIComponent(rest.join("/")), query: new URLSearchParams(query) };
}
const decodeHash = () => location.hash.replace(/^#!?\/?/, "");

function show() {
  const { page, id, query } = route();
  const item = project.items.get(id);
  document.title = `${project.name} · documentation`;
  document.body.classList.remove("menu");
  currentGraph = null;
  let content;
  if (page === "lineage") content = lineage(item, query);
  else if (page === "search") {
    if (document.activeElement !== searchBox) searchBox.value = id;
    content = searchPage(project, id, searchType, type => { searchType = type; show(); });
  } else if (page === "list") content = listPage(project, id);
  else if (page === "overview") content = overviewPage(project);
  else if (item) content = itemPage(project, item);
  else content = h("div", { class: "failure" }, h("h1", {}, "Not found"), h("p", {}, `The project has no ${page.replace("_", " ")} with the id `, h("code", {}, id), "."));
  if (page !== "search") { searchBox.value = ""; searchType = ""; }
  main.replaceChildren(content);
  main.scrollTop = 0;
  markTree(item);
}

function lineage(item, query) {
  const number = (name, fallback) => (query.has(name) ? (query.get(name) === "all" ? Infinity : Math.max(0, Number(query.get(name)) || 0)) : fallback);
  const settings = { up: number("up", 2), down: number("down", 2), tests: query.get("tests") === "1", others: query.get("analyses") !== "0" };
  return lineagePage(project, item, settings, change => {
    const next = { focus: item, ...settings, ...change };
    const text = value => (value === Infinity ? "all" : String(value));
    const words = [...(next.focus ? [`up=${text(next.up)}`, `down=${text(next.down)}`] : []), ...(next.tests ? ["tests=1"] : [])];
    location.hash = `#!/lineage${next.focus ? `/${encodeURIComponent(next.focus.id)}` : ""}${words.length ? `?${words.join("&")}` : ""}`;
  });
}

// The tree on the left: by package and folder, or by database and schema. Branches are made when they are opened.

function showTree() {
  for (const button of document.querySelectorAll("#nav-tabs button")) {
    button.setAttribute("aria-selected", String(button.dataset.tab === tab));
    button.onclick = () => { tab = button.dataset.tab; showTree(); markTree(project.items.get(route().id)); };
  }
  tree.replaceChildren(...(tab === "project" ? projectTree() : databaseTree()));
}

function branch(label, count, make, section) {
  const holder = h("div", { class: "branch" });
  const details = h("details", { class: section ? "section" : null }, h("summary", {}, label, h("span", { class: "count" }, count)), holder);
  const fill = () => { if (!holder.firstChild) holder.append(...make()); };
  details.addEventListener("toggle", () => details.open && fill());
  details.fill = fill;
  return details;
}
const leaf = (item, label) => h("a", { class: "leaf", href: hrefOf(item), "data-id": item.id, title: item.id }, dot(item.type), typeof label === "string" ? label : item.label);

function projectTree() {
  const all = [...project.items.values()];
  const of = (...types) => all.filter(item => types.includes(item.type));
  const sections = [];
  const sources = of("source");
  if (sources.length) sections.push(open(branch("Sources", sources.length, () => grouped(sources, item => item.node.source_name, list => list.sort(byName).map(item => leaf(item, item.name)), sources.length <= 40), true)));
  const exposures = of("exposure");
  if (exposures.length) sections.push(open(branch("Exposures", exposures.length, () => exposures.sort(byName).map(leaf), true)));
  const metrics = of("metric", "semantic_model", "saved_query");
  if (metrics.length) sections.push(branch("Semantic layer", metrics.length, () => metrics.sort(byName).map(leaf), true));
  const built = of("model", "seed", "snapshot", "analysis", "function");
  const packages = groupBy(built, item => item.package);
  for (const name of Object.keys(packages).sort((a, b) => (a !== project.name) - (b !== project.name) || a.localeCompare(b))) {
    const section = branch(name, packages[name].length, () => folders(packages[name], item => item.path.split("/").slice(0, -1)), true);
    sections.push(name === project.name ? open(section) : section);
  }
  const macros = of("macro");
  if (macros.length) sections.push(branch("Macros", macros.length, () => grouped(macros, item => item.package, list => list.sort(byName).map(leaf)), true));
  const tests = all.filter(item => item.type === "unit_test" || (item.type === "test" && !item.node.test_metadata));
  if (tests.length) sections.push(branch("Tests with SQL of their own", tests.length, () => tests.sort(byName).map(leaf), true));
  return sections;
}

function databaseTree() {
  const relations = [...project.items.values()].filter(item => item.node.relation_name && item.node.schema && item.type !== "test");
  return grouped(relations, item => item.node.database ?? "", list => grouped(list, item => item.node.schema, inner => inner.sort((a, b) => a.name.localeCompare(b.name)).map(item => leaf(item, item.node.alias ?? item.node.identifier ?? item.name)), true)).map(open);
}

const groupBy = (list, key) => list.reduce((groups, item) => ((groups[key(item)] ??= []).push(item), groups), {});
function grouped(list, key, make, opened) {
  const groups = groupBy(list, key);
  return Object.keys(groups).sort().map(name => { const made = branch(name, groups[name].length, () => make(groups[name])); return opened && Object.keys(groups).length < 6 ? open(made) : made; });
}
const open = details => { details.fill(); details.open = true; return details; };

function folders(items, pathOf, depth = 0) {
  const groups = groupBy(items.filter(item => pathOf(item).length > depth), item => pathOf(item)[depth]);
  const here = items.filter(item => pathOf(item).length <= depth).sort(byName);
  return [...Object.keys(groups).sort().map(name => { const made = branch(name, groups[name].length, () => folders(groups[name], pathOf, depth + 1)); return items.length <= 60 ? open(made) : made; }), ...here.map(leaf)];
}

function markTree(item) {
  tree.querySelector("[aria-current]")?.removeAttribute("aria-current");
  const entry = item && tree.querySelector(`[data-id="${CSS.escape(item.id)}"]`);
  if (!entry) return;
  entry.setAttribute("aria-current", "page");
  entry.scrollIntoView({ block: "nearest" });
}

// The search box, keys, and light or dark.

let typing;
searchBox.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const address = searchBox.value.trim() ? `#!/search/${encodeURIComponent(searchBox.value.trim())}` : "#!/overview";
    if (route().page === "search" || !searchBox.value.trim()) { history.replaceState(null, "", address); show(); } else location.hash = address;
  }, 90);
});
searchBox.addEventListener("keydown", event => {
  if (event.key === "Enter") main.querySelector("a.result")?.click();
  if (event.key === "Escape") searchBox.blur();
});
addEventListener("keydown", event => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || /INPUT|TEXTAREA/.test(document.activeElement?.tagName)) return;
  event.preventDefault();
  searchBox.focus();
  searchBox.select();
});
document.getElementById("menu").onclick = () => document.body.classList.toggle("menu");

const remembered = { get: () => { try { return localStorage.getItem("owlet-docs-theme"); } catch { return null; } }, set: value => { try { localStorage.setItem("owlet-docs-theme", value); } catch { /* private windows have no storage */ } } };
const darkByDefault = matchMedia("(prefers-color-scheme: dark)");
const applyTheme = () => { document.documentElement.dataset.theme = remembered.get() ?? (darkByDefault.matches ? "dark" : "light"); currentGraph?.recolour(); };
darkByDefault.addEventListener("change", applyTheme);
document.getElementById("theme").onclick = () => { remembered.set(document.documentElement.dataset.theme === "dark" ? "light" : "dark"); applyTheme(); };
applyTheme();
start();
