//! `ref` itself. Besides being called it has `config`: packages such as elementary read the project's name, variables and installed packages there.

use std::sync::Arc;

use jinja::{CallArgs, Object, Result, State, Value};
use project::{Project, Vars};

use super::{builtins, from_yaml, node::Context};

/// Names and versions of the project and its packages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Versions(Vec<(String, Option<String>)>);

impl Versions {
    /// The root project comes first.
    pub fn new(project: &Project) -> Self {
        Self(project.all().map(|project| (project.name.clone(), project.version.clone())).collect())
    }
}

#[derive(Debug)]
pub(super) struct Reference(pub Context);

impl Object for Reference {
    fn type_name(&self) -> &str {
        "function"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        builtins::reference(&self.0, state, args)
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        (name == "config").then(|| runtime_config(&self.0))
    }
}

/// What of dbt's `RuntimeConfig` packages ask for.
fn runtime_config(context: &Context) -> Value {
    let scope = &context.0.scope;
    let described = |(name, version): &(String, Option<String>)| {
        let version = Value::from(version.clone());
        (name.clone(), Value::dict([("project_name", Value::str(name.as_str())), ("version", version)]))
    };
    Value::dict([
        ("project_name", Value::str(scope.root.as_str())),
        ("version", Value::from(scope.root_version.clone())),
        ("dependencies", Value::dict(scope.versions.0.iter().map(described))),
        ("vars", Value::object(RootVars(Arc::new(scope.vars.clone())))),
        ("cli_vars", from_yaml(&project::yaml::Value::Map(scope.vars.cli.clone()))),
        ("args", Value::from(serde_json::Value::Object((*context.0.host.args).clone()))),
    ])
}

/// The root project's `vars:`.
#[derive(Debug)]
struct RootVars(Arc<Vars>);

impl Object for RootVars {
    fn has_method(&self, name: &str) -> bool {
        name == "to_dict"
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        if name != "to_dict" {
            return state.call_missing("VarProvider", name);
        }
        let [] = args.bind("to_dict", [], 0)?;
        let vars = self.0.projects.get(&self.0.root).cloned().unwrap_or_default();
        Ok(from_yaml(&project::yaml::Value::Map(vars)))
    }
}
