//! `var`.

use jinja::{CallArgs, Error, Object, Result, State, Template, Value};

use super::{
    node::{Context, Phase},
    scope::from_yaml,
    secrets,
};

/// `var(name, default)` and `var.has_var(name)`.
#[derive(Debug)]
pub(crate) struct Var(pub Context);

impl Var {
    fn get(&self, name: &str) -> Option<Value> {
        let inner = &self.0.0;
        if let Some(value) = inner.overridden_vars.get(name) {
            return Some(Value::from(value));
        }
        inner.scope.vars.lookup(&inner.package, name).map(from_yaml)
    }

    fn missing(&self, name: &str) -> Result<Value> {
        if self.0.0.phase == Phase::Parse {
            return Ok(Value::None);
        }
        let inner = &self.0.0;
        let mut known = serde_json::Value::Object(secrets::hide(&inner.scope.vars.visible(&inner.package).to_json()));
        known.sort_all_objects();
        let known = serde_json::to_string_pretty(&known).unwrap_or_default().replace("\n  ", "\n    ");
        Err(Error::host(
            diagnostic::Diagnostic::error(format!(
                "Required var '{name}' not found in config:\nVars supplied to {} = {known}",
                inner.node.name
            ))
            .cause("the variable has no default here, and neither dbt_project.yml nor --vars sets it")
            .fix(format!("set it below `vars:`, pass --vars '{{{name}: …}}', or give a default: var('{name}', …)")),
        ))
    }
}

impl Object for Var {
    fn type_name(&self) -> &str {
        "Var"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        let [name, default] = args.bind("var", ["var_name", "default"], 1)?;
        let name = name.unwrap_or(Value::None).to_string();
        match (self.get(&name), default) {
            (Some(Value::Str(text)), _) if project::has_jinja(&text) => {
                let template = Template::compile(&text, &format!("var {name}"))?;
                Ok(state.render(&template)?.into())
            }
            (Some(value), _) => Ok(value),
            (None, Some(default)) => Ok(default),
            (None, None) => self.missing(&name),
        }
    }

    fn has_method(&self, name: &str) -> bool {
        name == "has_var"
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        if name != "has_var" {
            return state.call_missing("Var", name);
        }
        let [name] = args.bind("has_var", ["var_name"], 1)?;
        Ok(self.get(&name.unwrap_or(Value::None).to_string()).is_some().into())
    }
}
