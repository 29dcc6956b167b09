"""One mistake at a time in a real project: seeded changes of its files, by kind, and the mistakes of mistakes.yml.

A kind is a function of a `Source` and a random generator that answers the files it changes: `{path: text}`, None for a file that is gone,
bytes for what is no text. The same seed makes the same change of the same project.
"""

import copy
import json
import random
import re
from pathlib import Path

import yaml

# Folders of others, and of what the engines write.
LEFT_OUT = {"dbt_packages", "dbt_modules", "target", "logs", ".git", "venv", ".venv", "node_modules", ".owlet"}
PATHS = {"models": "model", "macros": "macro", "seeds": "seed", "snapshots": "snapshot", "tests": "test", "analyses": "analysis", "functions": "function"}
# A value of each type, to be put in place of another's.
VALUES = ["words", 5, 1.5, True, None, [], ["words"], [5], [{"name": "a"}], {}, {"a": 1}, {"name": "a"}, "", "{{ nosuch }}"]
KINDS = {}


def kind(function):
    KINDS[function.__name__] = function
    return function


def mutation(source: "Source", name: str) -> dict | None:
    """The change of `kind.number`."""
    of_kind, _ = name.rsplit(".", 1)
    return KINDS[of_kind](source, random.Random(name))


class Source:
    """The texts of a project's own files."""

    def __init__(self, root: Path):
        self.files: dict[str, str] = {}
        for path in sorted(root.rglob("*")):
            inner = path.relative_to(root)
            if path.suffix in (".sql", ".yml", ".yaml", ".md", ".py") and path.is_file() and not LEFT_OUT & set(inner.parts):
                try:
                    self.files[str(inner)] = path.read_text()
                except UnicodeDecodeError:
                    continue
        self.project = yaml.safe_load(self.files["dbt_project.yml"])
        self.models = self.below("models", ".sql")
        self.macros = [path for path in self.below("macros", ".sql") if "{%" in self.files[path]]
        self.code = self.models + self.macros + self.below("snapshots", ".sql") + self.below("tests", ".sql") + self.below("analyses", ".sql")
        properties = [path for section in PATHS for path in self.below(section, ".yml", ".yaml")]
        self.properties = [path for path in dict.fromkeys(properties) if isinstance(self.load(path), dict)]
        self.names = [Path(path).stem for path in self.models]

    def folders(self, section: str) -> list[str]:
        default = ["tests", "data-tests"] if section == "tests" else [section]
        return self.project.get(f"{PATHS[section]}-paths") or default

    def below(self, section: str, *suffixes: str) -> list[str]:
        folders = tuple(f"{folder}/" for folder in self.folders(section))
        return [path for path in self.files if path.startswith(folders) and path.endswith(suffixes)]

    def load(self, path: str):
        try:
            return yaml.safe_load(self.files[path])
        except yaml.YAMLError:
            return None

    def match(self, rng, paths: list[str], pattern: str):
        """A file that has the pattern, and one of its matches."""
        for path in rng.sample(paths, len(paths)):
            if found := list(re.finditer(pattern, self.files[path])):
                return path, rng.choice(found)
        return None

    def replaced(self, rng, paths: list[str], pattern: str, new) -> dict | None:
        if (found := self.match(rng, paths, pattern)) is None:
            return None
        path, match = found
        text, replacement = self.files[path], new(match) if callable(new) else match.expand(new)
        return {path: text[: match.start()] + replacement + text[match.end() :]}

    def value(self, rng, paths: list[str], wanted=lambda trail, value: True):
        """A place in a YAML file: the document, what holds the value, and its key. Rare places are as likely as common ones."""
        shapes: dict[tuple, list] = {}
        for path in paths:
            for trail, value in walk(self.load(path)):
                if wanted(trail, value):
                    shapes.setdefault(tuple("*" if isinstance(step, int) else step for step in trail), []).append((path, trail))
        if not shapes:
            return None
        path, trail = rng.choice(shapes[rng.choice(sorted(shapes))])
        document = self.load(path)
        holder = document
        for step in trail[:-1]:
            holder = holder[step]
        return path, document, holder, trail[-1]


def walk(value, trail=()):
    """Every place of a document."""
    if trail:
        yield trail, value
    if isinstance(value, dict):
        for key, inner in value.items():
            # What users call their variables and metas is theirs.
            if isinstance(key, str) and key not in ("meta", "vars", "query-comment"):
                yield from walk(inner, (*trail, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, (*trail, index))


def dumped(document) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=1000, allow_unicode=True)


def misspelt(rng, word: str) -> str:
    at = rng.randrange(len(word))
    return rng.choice([word[:at] + word[at + 1 :], word[:at] + "x" + word[at:], word + "s", word.replace("_", "-") if "_" in word else word.upper()])


# SQL and Jinja.


@kind
def drop_brace(source, rng):
    return source.replaced(rng, source.code, r"\{\{|\}\}|\{%-?|-?%\}", "")


@kind
def drop_quote(source, rng):
    return source.replaced(rng, source.code, r"(?<=[({,=\s])['\"](?=\w)|(?<=\w)['\"](?=[,)}\]\s])", "")


@kind
def drop_parenthesis(source, rng):
    return source.replaced(rng, source.code, r"(?<=[\w'\"])\)(?=\s*[-%}]{1,2}\})|(?<=\{\{ \w{3})\(|(?<=\w)\((?=['\"])", "")


@kind
def drop_tag(source, rng):
    return source.replaced(rng, source.code, r"\{%-?\s*(end\w+|if|for|macro|else|set)\b[^%]*%\}", "")


@kind
def double_tag(source, rng):
    return source.replaced(rng, source.code, r"\{%-?\s*(end\w+|else|if|for)\b[^%]*%\}", r"\g<0>\g<0>")


@kind
def misspell_tag(source, rng):
    return source.replaced(rng, source.code, r"(?<=\{%)(-?\s*)(\w+)", lambda match: match[1] + misspelt(rng, match[2]))


@kind
def misspell_call(source, rng):
    return source.replaced(rng, source.code, r"(?<=\{\{)(\s*)([\w.]+)(?=\()", lambda match: match[1] + misspelt(rng, match[2]))


@kind
def misspell_ref(source, rng):
    return source.replaced(rng, source.models, r"(ref\(\s*['\"])(\w+)", lambda match: match[1] + misspelt(rng, match[2]))


@kind
def misspell_source(source, rng):
    return source.replaced(rng, source.models, r"(source\(\s*['\"]\w+['\"],\s*['\"])(\w+)", lambda match: match[1] + misspelt(rng, match[2]))


@kind
def misspell_config(source, rng):
    return source.replaced(rng, source.models, r"(config\(\s*)(\w+)", lambda match: match[1] + misspelt(rng, match[2]))


@kind
def other_config(source, rng):
    value = rng.choice(["5", "none", "['a']", "{'a': 1}", "true", "nosuch", "''", "var('nosuch')", "env_var('NO_SUCH_VARIABLE')", "ref('x')"])
    return source.replaced(rng, source.models, r"(config\(\s*\w+\s*=\s*)(['\"]\w+['\"]|\w+)", lambda match: match[1] + value)


@kind
def other_arguments(source, rng):
    value = rng.choice(["", "5", "none", "'a', 'b', 'c'", "'a', v=5", "nosuch", "['a']", "'a' 'b'", "'a', version='x'", "a='b'", "*['a']", "'a',, 'b'"])
    return source.replaced(rng, source.models, r"\b(ref|source|var|env_var|config)\([^()]*\)", lambda match: f"{match[1]}({value})")


@kind
def cycle(source, rng):
    found = source.match(rng, source.models, r"ref\(\s*['\"](\w+)['\"]\s*\)")
    if found is None:
        return None
    child, match = found
    parent = next((path for path in source.models if Path(path).stem == match[1]), child)
    return {parent: source.files[parent] + f"\n-- {{{{ ref('{Path(child).stem}') }}}}\n"}


@kind
def cut_code(source, rng):
    path = rng.choice(source.code)
    return {path: source.files[path][: rng.randrange(len(source.files[path]) or 1)]}


@kind
def delete_macros(source, rng):
    return {rng.choice(source.macros): None} if source.macros else None


@kind
def delete_model(source, rng):
    return {rng.choice(source.models): None}


@kind
def copy_code(source, rng):
    path = Path(rng.choice(source.models + source.macros))
    return {str(path.parent / "copied" / path.name): source.files[str(path)]}


@kind
def no_text(source, rng):
    path = rng.choice(source.code + source.properties)
    text = source.files[path].encode()
    at = rng.randrange(len(text) or 1)
    return {path: text[:at] + rng.choice([b"\xff", b"\x00", b"\xc3\x28", b"\xef\xbb\xbf"]) + text[at:]}


# YAML as a text.


@kind
def shift_line(source, rng):
    return source.replaced(rng, source.properties + ["dbt_project.yml"], r"(?m)^ *(?=[\w-])", lambda match: match[0] + " " if rng.random() < 0.5 else match[0][1:])


@kind
def tab(source, rng):
    return source.replaced(rng, source.properties + ["dbt_project.yml"], r"(?m)^ +(?=[\w-])", "\t")


@kind
def drop_mark(source, rng):
    return source.replaced(rng, source.properties + ["dbt_project.yml"], r"(?<=\w):(?=\s)|(?<= )- |['\"]|[\[\]{}]", "")


@kind
def double_line(source, rng):
    return source.replaced(rng, source.properties + ["dbt_project.yml"], r"(?m)^ *[\w-]+: .*\n", r"\g<0>\g<0>")


@kind
def cut_properties(source, rng):
    if not source.properties:
        return None
    path = rng.choice(source.properties)
    return {path: source.files[path][: rng.randrange(len(source.files[path]) or 1)]}


# YAML as values.


@kind
def misspell_key(source, rng):
    if (found := source.value(rng, source.properties, lambda trail, value: isinstance(trail[-1], str))) is None:
        return None
    path, document, holder, key = found
    entries = [(misspelt(rng, name) if name == key else name, value) for name, value in holder.items()]
    holder.clear()
    holder.update(entries)
    return {path: dumped(document)}


@kind
def remove_key(source, rng):
    if (found := source.value(rng, source.properties)) is None:
        return None
    path, document, holder, key = found
    del holder[key]
    return {path: dumped(document)}


@kind
def other_value(source, rng):
    if (found := source.value(rng, source.properties)) is None:
        return None
    path, document, holder, key = found
    holder[key] = rng.choice([value for value in VALUES if type(value) is not type(holder[key])])
    return {path: dumped(document)}


@kind
def misspell_value(source, rng):
    if (found := source.value(rng, source.properties, lambda trail, value: isinstance(value, str) and re.fullmatch(r"[\w.()' ]+", value))) is None:
        return None
    path, document, holder, key = found
    holder[key] = misspelt(rng, holder[key])
    return {path: dumped(document)}


@kind
def double_entry(source, rng):
    if (found := source.value(rng, source.properties, lambda trail, value: isinstance(trail[-1], int))) is None:
        return None
    path, document, holder, index = found
    holder.append(copy.deepcopy(holder[index]))
    return {path: dumped(document)}


@kind
def other_project_value(source, rng):
    path, document, holder, key = source.value(rng, ["dbt_project.yml"], lambda trail, value: trail[0] not in ("name", "profile"))
    holder[key] = rng.choice([value for value in VALUES if type(value) is not type(holder[key])])
    return {path: dumped(document)}


@kind
def misspell_project_key(source, rng):
    path, document, holder, key = source.value(rng, ["dbt_project.yml"], lambda trail, value: isinstance(trail[-1], str) and trail[0] != "profile")
    holder[misspelt(rng, key)] = holder.pop(key)
    return {path: dumped(document)}


# Mistakes that are written down.


def listed(source: Source, mistake: dict) -> dict | None:
    """The files that a mistake of mistakes.yml changes; None if the project has nothing that it is about."""
    rng = random.Random(mistake["name"])
    changed = {}
    for path, text in mistake.get("files", {}).items():
        section, _, rest = path.partition("/")
        if rest and section in PATHS:
            path = f"{source.folders(section)[0]}/{rest}"
        changed[path] = text if text is None else text.replace("MODEL", rng.choice(source.names)).replace("PROJECT", source.project["name"])
    if "project" in mistake:
        document = source.load("dbt_project.yml")
        for trail, value in mistake["project"].items():
            *above, last = trail.split(".")
            holder = document
            for step in above:
                holder = holder.setdefault(step.replace("PROJECT", source.project["name"]), {})
            if value == "(none)":
                holder.pop(last, None)
            else:
                holder[last] = value
        changed["dbt_project.yml"] = dumped(document)
    for trail, members in mistake.get("entry", {}).items():
        # `models`, `models.columns`, `sources.tables`: one entry of such a list, in whichever file.
        places = tuple(trail.split("."))

        def of_trail(found, value, places=places):
            return isinstance(value, dict) and tuple(step for step in found if not isinstance(step, int)) == places

        if (found := source.value(rng, source.properties, of_trail)) is None:
            return None
        path, document, holder, key = found
        for name, value in members.items():
            if value == "(none)":
                holder[key].pop(name, None)
            else:
                holder[key][name] = json.loads(json.dumps(value).replace("MODEL", rng.choice(source.names)))
        changed[path] = dumped(document)
    return changed or None
