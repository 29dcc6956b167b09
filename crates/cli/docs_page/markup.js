// Elements, Markdown and code as elements. Texts of the project never become HTML.

function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter(child => child != null && child !== false));
  return element;
}

/// The usual Markdown: headings, lists, tables, quotes, code, emphasis, links, images.
function markdown(text) {
  const root = h("div", { class: "prose" });
  root.append(...blocks(text.replace(/\r\n?/g, "\n").split("\n")));
  return root;
}

function blocks(lines) {
  const out = [];
  let at = 0;
  const until = stop => {
    const taken = [];
    while (at < lines.length && !stop(lines[at])) taken.push(lines[at++]);
    return taken;
  };
  const LIST = /^(\s*)([-*+]|\d+[.)])\s+/;
  const starts = line => /^\s*$|^#{1,6}\s|^\s*(```|~~~)|^>|^\s*([-*_])(\s*\2){2,}\s*$/.test(line) || LIST.test(line);
  while (at < lines.length) {
    const line = lines[at];
    let match;
    if (/^\s*$/.test(line)) at++;
    else if ((match = /^\s*(```|~~~)\s*(\w*)/.exec(line))) {
      at++;
      const code = until(other => other.trim().startsWith(match[1]));
      at++;
      out.push(h("pre", {}, h("code", {}, /sql|^$/i.test(match[2]) ? highlight(code.join("\n")) : code.join("\n"))));
    } else if ((match = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line))) {
      at++;
      out.push(h(`h${match[1].length}`, {}, inline(match[2])));
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      at++;
      out.push(h("hr"));
    } else if (line.startsWith(">")) {
      out.push(h("blockquote", {}, blocks(until(other => !other.startsWith(">")).map(other => other.replace(/^> ?/, "")))));
    } else if ((match = LIST.exec(line))) {
      out.push(list(lines, () => at, value => (at = value), LIST));
    } else if (line.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] ?? "")) {
      const rows = until(other => !other.includes("|")).map(row => row.trim().replace(/^\||\|$/g, "").split("|").map(cell => cell.trim()));
      const [head, , ...body] = rows;
      out.push(h("div", { class: "wide" }, h("table", {}, h("thead", {}, h("tr", {}, head.map(cell => h("th", {}, inline(cell))))), h("tbody", {}, body.map(row => h("tr", {}, row.map(cell => h("td", {}, inline(cell)))))))));
    } else {
      const first = lines[at++];
      out.push(h("p", {}, inline([first, ...until(starts)].map(part => part.trim()).join("\n"))));
    }
  }
  return out;
}

function list(lines, at, move, LIST) {
  const [, lead, marker] = LIST.exec(lines[at()]);
  const items = [];
  let index = at();
  while (index < lines.length) {
    const match = LIST.exec(lines[index]);
    if (!match || match[1].length !== lead.length) break;
    const width = match[0].length;
    const own = [lines[index++].slice(width)];
    while (index < lines.length && (/^\s*$/.test(lines[index]) ? /^\s{2,}\S/.test(lines[index + 1] ?? "") : lines[index].search(/\S/) > lead.length || !LIST.test(lines[index]) && !/^\s*$/.test(lines[index - 1]) && lines[index].search(/\S/) >= lead.length && !/^[#>]/.test(lines[index]))) {
      own.push(lines[index].replace(new RegExp(`^\\s{0,${width}}`), ""));
      index++;
    }
    const content = blocks(own);
    items.push(h("li", {}, content.length === 1 && content[0].tagName === "P" ? [...content[0].childNodes] : content));
  }
  move(index);
  return h(/\d/.test(marker) ? "ol" : "ul", {}, items);
}

function inline(text) {
  const out = [];
  const pattern = /(`+)([\s\S]+?)\1|!\[([^\]]*)\]\(([^)\s]+)[^)]*\)|\[([^\]]+)\]\(([^)\s]+)[^)]*\)|<(https?:[^>\s]+)>|(https?:\/\/[^\s<>()]+[^\s<>().,;:!?'"])|(\*\*|__)(?=\S)([\s\S]+?\S?)\9|(?<![\w*])([*_])(?=\S)([\s\S]+?)\11(?!\w)|~~([\s\S]+?)~~|\\([\\`*_{}[\]()#+\-.!|>])|( {2,}\n|<br\s*\/?>)/g;
  let last = 0;
  for (let match; (match = pattern.exec(text)); last = pattern.lastIndex) {
    out.push(text.slice(last, match.index));
    if (match[1]) out.push(h("code", {}, match[2].trim()));
    else if (match[4]) out.push(h("img", { src: safe(match[4]), alt: match[3] }));
    else if (match[6]) out.push(link(match[6], inline(match[5])));
    else if (match[7] || match[8]) out.push(link(match[7] || match[8], match[7] || match[8]));
    else if (match[10]) out.push(h("strong", {}, inline(match[10])));
    else if (match[12]) out.push(h("em", {}, inline(match[12])));
    else if (match[13]) out.push(h("del", {}, inline(match[13])));
    else if (match[14]) out.push(match[14]);
    else out.push(h("br"));
  }
  out.push(text.slice(last));
  return out;
}

const safe = url => (/^(https?:|mailto:|#|\.{0,2}\/|[\w-]+[./])/i.test(url) && !/^(javascript|data|vbscript):/i.test(url) ? url : "#");
const link = (url, content) => h("a", { href: safe(url), ...(/^https?:/.test(url) ? { target: "_blank", rel: "noopener" } : {}) }, content);

const KEYWORDS = new Set("select from where group by order having limit offset fetch with as on using join left right inner outer full cross lateral union all intersect except distinct case when then else end and or not in is null like ilike between exists over partition rows range unbounded preceding following current row asc desc insert into values update set delete merge matched create table view replace drop alter if true false cast try_cast interval unnest array row map recursive filter within nulls first last for of date timestamp time at zone escape any some qualify window ordinality tablesample".split(" "));

/// SQL with Jinja, coloured.
function highlight(code) {
  const out = [];
  const pattern = /(\{#[\s\S]*?#\}|--[^\n]*|\/\*[\s\S]*?\*\/)|(\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\})|('(?:[^']|'')*'|"(?:[^"]|"")*")|(\b\d+(?:\.\d+)?\b)|([A-Za-z_]\w*)/g;
  let last = 0;
  for (let match; (match = pattern.exec(code)); last = pattern.lastIndex) {
    const kind = match[1] ? "c" : match[2] ? "j" : match[3] ? "s" : match[4] ? "n" : KEYWORDS.has(match[5].toLowerCase()) ? "k" : "";
    if (!kind) continue;
    out.push(code.slice(out.end ?? 0, match.index), h("span", { class: kind }, match[0]));
    out.end = pattern.lastIndex;
  }
  out.push(code.slice(out.end ?? 0));
  return [...out];
}

/// A text with the words of a search marked.
function marked(text, words) {
  if (!words.length) return [text];
  const pattern = new RegExp(words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "gi");
  const out = [];
  let last = 0;
  for (let match; (match = pattern.exec(text)) && match[0]; last = pattern.lastIndex) out.push(text.slice(last, match.index), h("mark", {}, match[0]));
  out.push(text.slice(last));
  return out;
}
