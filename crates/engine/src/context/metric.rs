//! What `metric()` answers: text in SQL, and an object with the metric's fields.

use artifacts::JsonMap;
use jinja::{Object, Value};
use serde_json::Value as Json;

/// A metric as templates name it. While the project is read only its name is known.
#[derive(Debug)]
pub(super) struct MetricReference {
    pub name: String,
    pub package: Option<String>,
    /// The metric's entry in the manifest, once there is one.
    pub fields: Option<JsonMap>,
}

impl MetricReference {
    /// The metric of this name: the one of the package asked for, else of the template's own, else of the root project, else any.
    pub fn find<'a>(&self, metrics: &'a JsonMap, own: &str, root: &str) -> Option<&'a JsonMap> {
        let text = |metric: &'a JsonMap, key| metric.get(key).and_then(Json::as_str);
        let named: Vec<&JsonMap> = metrics
            .values()
            .filter_map(Json::as_object)
            .filter(|metric| text(metric, "name") == Some(self.name.as_str()))
            .collect();
        let of = |package: &str| named.iter().find(|metric| text(metric, "package_name") == Some(package)).copied();
        match &self.package {
            Some(package) => of(package),
            None => of(own).or_else(|| of(root)).or_else(|| named.first().copied()),
        }
    }
}

impl Object for MetricReference {
    fn type_name(&self) -> &str {
        "ResolvedMetricReference"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        let field = |name| self.fields.as_ref().and_then(|fields| fields.get(name)).map(Value::from);
        match name {
            "metric_name" => Some(Value::str(self.name.as_str())),
            "package_name" => field(name).or_else(|| Some(Value::from(self.package.clone()))),
            _ => field(name),
        }
    }

    fn str(&self) -> String {
        self.name.clone()
    }

    fn is_true(&self) -> bool {
        true
    }

    fn to_json(&self) -> Option<Json> {
        Some(self.name.clone().into())
    }
}
