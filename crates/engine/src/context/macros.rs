//! The macros of all packages, and which one a name means.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use indexmap::IndexMap;
use jinja::{CallArgs, Error, MacroDef, MacroKind, Object, Result, State, Value};
use names::UniqueId;

/// The package of the macros that come with dbt itself.
pub const GLOBAL_PACKAGE: &str = "dbt";

type MacroMap = HashMap<Arc<str>, Arc<MacroDef>>;

/// All macros.
#[derive(Debug, Default)]
pub struct MacroRegistry {
    root: String,
    /// The adapter's word: `athena`.
    adapter_type: String,
    /// `dbt_athena`, `dbt`: the adapter's first.
    internal: Vec<String>,
    /// By package, then name.
    packages: HashMap<String, Arc<MacroMap>>,
    /// What unqualified names mean in each package.
    scopes: HashMap<String, Arc<MacroMap>>,
    /// What `dbt.x` means: internal packages, the adapter's macros over dbt's.
    global: Arc<MacroMap>,
    /// What unqualified names mean in a package that has no macros of its own.
    shared: Arc<MacroMap>,
    /// By name, the macros of all packages that are not internal: of several the one that is read last.
    last_of_packages: MacroMap,
    /// `dispatch:` of the root project.
    search_orders: HashMap<String, Vec<String>>,
    /// The packages that are neither the root project nor internal.
    reading_order: Vec<String>,
    by_id: IndexMap<UniqueId, Arc<MacroDef>>,
}

impl MacroRegistry {
    /// `macros` in the order of their packages; of two with one name in a package the later counts (the caller reports it).
    /// `reading_order` names the packages that are neither the root project nor internal: where several of them have a macro of a name
    /// and any is meant, dbt takes that of the last.
    ///
    /// Source: dbt Core 1.12, `MacroResolver._build_macros_by_name`.
    pub fn new(
        root: &str,
        adapter_type: &str,
        internal: Vec<String>,
        search_orders: HashMap<String, Vec<String>>,
        reading_order: &[String],
        macros: impl IntoIterator<Item = (String, Arc<MacroDef>)>,
    ) -> Self {
        let mut packages: HashMap<String, MacroMap> = HashMap::new();
        let mut by_id = IndexMap::new();
        for (package, definition) in macros {
            by_id.insert(UniqueId::new(definition.id()), Arc::clone(&definition));
            packages.entry(package).or_default().insert(Arc::clone(&definition.name), definition);
        }
        let mut global = MacroMap::new();
        for package in internal.iter().rev() {
            global
                .extend(packages.get(package).into_iter().flatten().map(|(name, m)| (Arc::clone(name), Arc::clone(m))));
        }
        let mut last_of_packages = MacroMap::new();
        for package in reading_order {
            last_of_packages
                .extend(packages.get(package).into_iter().flatten().map(|(name, m)| (Arc::clone(name), Arc::clone(m))));
        }
        let mut shared = global.clone();
        shared.extend(packages.get(root).into_iter().flatten().map(|(name, m)| (Arc::clone(name), Arc::clone(m))));
        let mut scopes = HashMap::new();
        for (package, own) in &packages {
            let mut scope = shared.clone();
            if !internal.contains(package) {
                scope.extend(own.iter().map(|(name, m)| (Arc::clone(name), Arc::clone(m))));
            }
            scopes.insert(package.clone(), Arc::new(scope));
        }
        Self {
            root: root.to_owned(),
            adapter_type: adapter_type.to_owned(),
            internal,
            packages: packages.into_iter().map(|(name, map)| (name, Arc::new(map))).collect(),
            scopes,
            global: Arc::new(global),
            shared: Arc::new(shared),
            last_of_packages,
            search_orders,
            reading_order: reading_order.to_vec(),
            by_id,
        }
    }

    /// The macro of an id.
    pub fn get(&self, id: &str) -> Option<&Arc<MacroDef>> {
        self.by_id.get(id)
    }

    /// Every macro, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&UniqueId, &Arc<MacroDef>)> {
        self.by_id.iter()
    }

    /// Whether the project or a package has a macro of this name.
    pub fn is_replaced(&self, name: &str) -> bool {
        self.packages.iter().any(|(package, macros)| !self.internal.contains(package) && macros.contains_key(name))
    }

    /// What an unqualified name means in a node of `package`.
    pub fn find(&self, package: &str, name: &str) -> Option<&Arc<MacroDef>> {
        self.scope(package).get(name)
    }

    /// The names a node of `package` sees.
    pub fn scope(&self, package: &str) -> &Arc<MacroMap> {
        self.scopes.get(package).unwrap_or(&self.shared)
    }

    /// The macros of a package by its name; `dbt` means all internal ones.
    pub fn package(&self, name: &str) -> Option<&Arc<MacroMap>> {
        if name == GLOBAL_PACKAGE {
            return Some(&self.global);
        }
        self.packages.get(name)
    }

    /// A macro of one package.
    pub fn find_in(&self, package: &str, name: &str) -> Option<&Arc<MacroDef>> {
        self.package(package)?.get(name)
    }

    /// The packages that are neither the root project nor internal, as they are read.
    pub fn reading_order(&self) -> &[String] {
        &self.reading_order
    }

    /// Whether a macro is one of the internal packages'.
    pub fn is_internal(&self, id: &str) -> bool {
        id.split('.').nth(1).is_some_and(|package| self.is_internal_package(package))
    }

    fn is_internal_package(&self, package: &str) -> bool {
        self.internal.iter().any(|internal| internal == package)
    }

    fn prefixes(&self) -> [&str; 2] {
        [&self.adapter_type, "default"]
    }

    fn search_packages<'a>(&'a self, namespace: Option<&'a str>) -> Vec<Option<&'a str>> {
        let Some(namespace) = namespace else { return vec![None] };
        if let Some(order) = self.search_orders.get(namespace) {
            return order.iter().map(|package| Some(package.as_str())).collect();
        }
        if self.packages.contains_key(namespace) {
            return vec![Some(&self.root), Some(namespace)];
        }
        vec![None]
    }

    /// `adapter.dispatch(name, namespace)` in a node of `package`; `None` stands for a generic test, which finds macros of all packages.
    ///
    /// # Errors
    /// No macro of that name for this adapter; a dotted name.
    pub fn dispatch(&self, package: Option<&str>, name: &str, namespace: Option<&str>) -> Result<Arc<MacroDef>> {
        if let Some((suggested, rest)) = name.split_once('.') {
            return Err(Error::host(diagnostic::Diagnostic::error(format!(
                "In adapter.dispatch, got a macro name of \"{name}\", but \".\" is not a valid macro name component. Did you mean `adapter.dispatch(\"{rest}\", macro_namespace=\"{suggested}\")`?"
            ))));
        }
        let mut searched = Vec::new();
        for place in self.search_packages(namespace) {
            for prefix in self.prefixes() {
                let full = format!("{prefix}__{name}");
                let found = match place {
                    None => package.map_or_else(|| self.of_all(&full), |package| self.find(package, &full)),
                    // dbt knows the adapter's own package by no name but `dbt`.
                    Some(place) if place != GLOBAL_PACKAGE && self.is_internal_package(place) => None,
                    Some(place) => self.find_in(place, &full),
                };
                if let Some(found) = found {
                    return Ok(Arc::clone(found));
                }
                searched.push(match place {
                    None => format!("'{full}'"),
                    Some(place) => format!("'{place}.{full}'"),
                });
            }
        }
        let within = namespace.map_or_else(|| "'None'".to_owned(), |namespace| format!("'{namespace}'"));
        Err(Error::host(diagnostic::Diagnostic::error(format!(
            "In dispatch: No macro named '{name}' found within namespace: {within}\n    Searched for: {}",
            searched.join(", ")
        ))))
    }

    /// The macro of this name that dispatch without a namespace finds in generic tests, and `run-operation` without a package: the root
    /// project's, any package's, the internal ones.
    ///
    /// Source: dbt Core 1.12, `TestMacroNamespace.get_from_package`, `MacroMethods.find_macro_by_name`.
    pub fn of_all(&self, name: &str) -> Option<&Arc<MacroDef>> {
        let root = self.packages.get(&self.root).and_then(|root| root.get(name));
        root.or_else(|| self.last_of_packages.get(name)).or_else(|| self.global.get(name))
    }

    /// What `depends_on` understands by a name in a macro or test of `package`: that package's own, then the root project's, any
    /// package's, the internal ones. Calls look in fewer places.
    pub fn named(&self, package: &str, name: &str) -> Option<&Arc<MacroDef>> {
        let own = if self.is_internal_package(package) { Some(&self.global) } else { self.packages.get(package) };
        let own = own.and_then(|own| own.get(name));
        own.or_else(|| self.packages.get(&self.root).and_then(|root| root.get(name)))
            .or_else(|| self.last_of_packages.get(name))
            .or_else(|| self.global.get(name))
    }

    /// The macros that a macro calls, as written in it.
    pub fn dependencies(&self, package: &str, definition: &MacroDef) -> Vec<UniqueId> {
        let mut seen = HashSet::new();
        let mut ids = Vec::new();
        let mut add = |name: &str, found: &MacroDef| {
            // A dispatch names the macro that it is in.
            if name != &*definition.name && seen.insert(found.id().to_owned()) {
                ids.push(UniqueId::new(found.id()));
            }
        };
        for call in definition.calls() {
            if call.name == "adapter.dispatch" {
                let literal = |index: usize, key: &str| {
                    let keyword = call.keyword.iter().find(|(name, _)| name == key).map(|(_, value)| value);
                    call.positional
                        .get(index)
                        .or(keyword)
                        .and_then(Option::as_ref)
                        .and_then(|value| value.as_str().map(str::to_owned))
                };
                if let Some(name) = literal(0, "macro_name") {
                    // dbt looks as if from no package at all.
                    let namespace = literal(1, "macro_namespace");
                    if let Some(found) = self.named(package, &name) {
                        add(&name, found);
                    }
                    if let Ok(found) = self.dispatch(None, &name, namespace.as_deref()) {
                        add(found.id().trim_start_matches("macro."), &found);
                    }
                }
                continue;
            }
            let found = match call.name.split_once('.') {
                None if matches!(call.name.as_str(), "ref" | "source" | "config") => None,
                None => self.named(package, &call.name),
                Some(("adapter", _)) => None,
                // dbt's own materializations are no macros here.
                Some((qualifier, name))
                    if self.is_internal_package(qualifier)
                        && name.starts_with("materialization_")
                        && name.ends_with("_default") =>
                {
                    None
                }
                Some((qualifier, name)) if !name.contains('.') => self.named(qualifier, name),
                Some(_) => None,
            };
            if let Some(found) = found {
                add(&call.name, found);
            }
        }
        ids
    }

    /// The first macro that is not internal among those that some macros call, directly or by way of others, in a node of `package`;
    /// `dispatcher` is that package, or `None` for a generic test.
    pub fn first_override(
        &self,
        package: &str,
        dispatcher: Option<&str>,
        callers: Vec<Arc<MacroDef>>,
    ) -> Option<Arc<MacroDef>> {
        let mut seen = HashSet::new();
        let mut open = callers;
        while let Some(definition) = open.pop() {
            for call in definition.calls() {
                let found = match call.name.split_once('.') {
                    Some(("adapter", "dispatch")) => {
                        let literal = |index: usize| call.positional.get(index)?.as_ref()?.as_str().map(str::to_owned);
                        let Some(name) = literal(0) else { continue };
                        self.dispatch(dispatcher, &name, literal(1).as_deref()).ok()
                    }
                    None => self.find(package, &call.name).cloned(),
                    Some((qualifier, name)) => self.find_in(qualifier, name).cloned(),
                };
                let Some(found) = found.filter(|found| seen.insert(found.id().to_owned())) else { continue };
                if !self.is_internal(found.id()) {
                    return Some(found);
                }
                open.push(found);
            }
        }
        None
    }

    /// The macro of a generic test.
    pub fn find_test(&self, package: &str, namespace: Option<&str>, test: &str) -> Option<&Arc<MacroDef>> {
        let name = format!("test_{test}");
        match namespace {
            Some(namespace) => self.find_in(namespace, &name),
            None => self.find(package, &name),
        }
    }

    /// The macro that builds a materialization: the adapter's over the default, and of each the root project's over packages'.
    /// `built_in` says of an adapter's name or `default` whether the engine has a materialization there, which then counts as the
    /// root project's next; what the engine has anywhere a package replaces only where `packages_replace`.
    ///
    /// Source: dbt Core 1.12, `find_materialization_macro_by_name`.
    pub fn find_materialization(
        &self,
        name: &str,
        built_in: impl Fn(&str) -> bool,
        packages_replace: bool,
    ) -> Option<&Arc<MacroDef>> {
        let is_built_in = self.prefixes().into_iter().any(&built_in);
        for specific in self.prefixes() {
            let full = format!("materialization_{name}_{specific}");
            let of = |package: &String| self.packages.get(package).and_then(|macros| macros.get(full.as_str()));
            let of_package = self.reading_order.iter().rev().find_map(of).filter(|_| !is_built_in || packages_replace);
            let found = of(&self.root).or(of_package);
            if found.is_some_and(|found| found.kind == MacroKind::Materialization) {
                return found;
            }
            if built_in(specific) {
                return None;
            }
        }
        None
    }

    /// The names of all materializations, for "did you mean".
    pub fn materializations(&self) -> impl Iterator<Item = &str> {
        self.by_id.values().filter(|m| m.kind == MacroKind::Materialization).filter_map(|m| {
            let name = m.name.strip_prefix("materialization_")?;
            Some(name.rsplit_once('_').map_or(name, |(name, _)| name))
        })
    }
}

/// `dbt_utils` in `dbt_utils.star(…)`.
#[derive(Debug)]
pub(crate) struct PackageNamespace {
    pub name: String,
    pub macros: Arc<MacroMap>,
}

impl Object for PackageNamespace {
    fn type_name(&self) -> &str {
        "MacroNamespace"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        self.macros.get(name).map(|found| Value::from(Arc::clone(found)))
    }

    fn get_item(&self, key: &Value) -> Option<Value> {
        self.get_attr(key.as_str()?)
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        match self.macros.get(name) {
            Some(found) => found.call(state, args),
            None => {
                let missing = state.undefined(&format!("{}.{name}", self.name));
                state.call(&missing, args)
            }
        }
    }

    fn repr(&self) -> String {
        format!("<macros of {}>", self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const MACROS: [(&str, &str); 5] = [
        ("alpha", "{% macro test_odd() %}{% endmacro %}"),
        ("alpha", "{% materialization heap, default %}{% endmaterialization %}"),
        ("beta", "{% macro test_odd() %}{% endmacro %}"),
        ("beta", "{% materialization heap, default %}{% endmaterialization %}"),
        ("shop", "{% macro calls() %}{{ test_odd() }}{% endmacro %}"),
    ];

    fn registry(reading_order: &[&str], more: &[(&str, &str)]) -> MacroRegistry {
        let order: Vec<String> = reading_order.iter().map(|package| (*package).to_owned()).collect();
        let macros = MACROS.iter().chain(more).map(|(package, text)| {
            let name = text.split([' ', '(', ',']).nth(2).unwrap_or_default();
            let id = match text.contains("materialization") {
                true => format!("macro.{package}.materialization_{name}_default"),
                false => format!("macro.{package}.{name}"),
            };
            ((*package).to_owned(), Arc::new(MacroDef::compile(text, &id, "m.sql").expect("a macro")))
        });
        MacroRegistry::new("shop", "athena", vec!["dbt".to_owned()], HashMap::new(), &order, macros)
    }

    fn id(found: Option<&Arc<MacroDef>>) -> &str {
        found.map_or("", |found| found.id())
    }

    #[test]
    fn of_several_packages_the_one_read_last_has_the_macro() {
        for (order, last) in [(["alpha", "beta"], "beta"), (["beta", "alpha"], "alpha")] {
            let registry = registry(&order, &[]);
            let test = format!("macro.{last}.test_odd");
            assert_eq!(id(registry.named("shop", "test_odd")), test);
            assert_eq!(id(registry.of_all("test_odd")), test);
            assert_eq!(id(registry.named("alpha", "test_odd")), "macro.alpha.test_odd", "its own comes first");
            let calls = registry.get("macro.shop.calls").expect("it is there");
            assert_eq!(registry.dependencies("shop", calls), [UniqueId::new(test)]);
            let heap = registry.find_materialization("heap", |_| false, false);
            assert_eq!(id(heap), format!("macro.{last}.materialization_heap_default"));
        }
    }

    #[test]
    fn a_dispatch_is_noted_without_regard_to_the_package_it_is_in() {
        let told = "{% macro default__told() %}{% endmacro %}";
        for call in ["'told', 'no_package'", "'told'"] {
            let call = format!("{{% macro tells() %}}{{{{ adapter.dispatch({call})() }}}}{{% endmacro %}}");
            let registry = registry(&["alpha", "beta"], &[("alpha", told), ("beta", told), ("alpha", &call)]);
            let tells = registry.get("macro.alpha.tells").expect("it is there");
            assert_eq!(registry.dependencies("alpha", tells), [UniqueId::new("macro.beta.default__told")]);
        }
    }

    #[test]
    fn the_root_project_comes_before_packages_and_they_before_dbt() {
        let own = [("shop", MACROS[0].1), ("dbt", MACROS[0].1)];
        assert_eq!(id(registry(&["beta", "alpha"], &own).of_all("test_odd")), "macro.shop.test_odd");
        assert_eq!(id(registry(&["beta", "alpha"], &own[1..]).of_all("test_odd")), "macro.alpha.test_odd");
    }
}
