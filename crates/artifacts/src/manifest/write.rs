//! Writing nodes: each type has its own members, in dbt's order.

use names::UniqueId;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{FunctionReturns, Node, ResourceType};

#[derive(serde::Serialize)]
struct SeedDependsOn<'a> {
    macros: &'a [UniqueId],
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.resource_type == ResourceType::Function {
            match &self.function {
                Some(function) => map.serialize_entry("returns", &function.returns)?,
                None => map.serialize_entry("returns", &FunctionReturns::default())?,
            }
        }
        map.serialize_entry("database", &self.database)?;
        map.serialize_entry("schema", &(!self.is_without_schema).then_some(&self.schema))?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("resource_type", &self.resource_type)?;
        map.serialize_entry("package_name", &self.package_name)?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("original_file_path", &self.original_file_path)?;
        map.serialize_entry("unique_id", &self.unique_id)?;
        map.serialize_entry("fqn", &self.fqn)?;
        map.serialize_entry("alias", &self.alias)?;
        map.serialize_entry("checksum", &self.checksum)?;
        map.serialize_entry("config", &self.config)?;
        map.serialize_entry("tags", &self.tags)?;
        map.serialize_entry("description", &self.description)?;
        map.serialize_entry("columns", &self.columns)?;
        map.serialize_entry("meta", &self.meta)?;
        map.serialize_entry("group", &self.group)?;
        map.serialize_entry("docs", &self.docs)?;
        map.serialize_entry("patch_path", &self.patch_path)?;
        map.serialize_entry("build_path", &self.build_path)?;
        map.serialize_entry("unrendered_config", &self.unrendered_config)?;
        map.serialize_entry("created_at", &self.created_at)?;
        map.serialize_entry("relation_name", &self.relation_name)?;
        map.serialize_entry("raw_code", &*self.raw_code)?;
        map.serialize_entry("doc_blocks", &self.doc_blocks)?;
        if self.resource_type == ResourceType::Seed {
            map.serialize_entry("root_path", &self.root_path)?;
            map.serialize_entry("depends_on", &SeedDependsOn { macros: &self.depends_on.macros })?;
            return map.end();
        }
        map.serialize_entry("language", &self.language)?;
        map.serialize_entry("refs", &self.refs)?;
        map.serialize_entry("sources", &self.sources)?;
        map.serialize_entry("metrics", &self.metrics)?;
        map.serialize_entry("functions", &self.functions)?;
        map.serialize_entry("depends_on", &self.depends_on)?;
        map.serialize_entry("compiled_path", &self.compiled_path)?;
        if let Some(compiled) = &self.compiled {
            map.serialize_entry("compiled", &true)?;
            map.serialize_entry("compiled_code", &*compiled.compiled_code)?;
            map.serialize_entry("extra_ctes_injected", &compiled.extra_ctes_injected)?;
            map.serialize_entry("extra_ctes", &compiled.extra_ctes)?;
        }
        map.serialize_entry("contract", &self.contract)?;
        match self.resource_type {
            ResourceType::Model => {
                map.serialize_entry("access", &self.access)?;
                map.serialize_entry("constraints", &self.constraints)?;
                map.serialize_entry("version", &self.version)?;
                map.serialize_entry("latest_version", &self.latest_version)?;
                map.serialize_entry("deprecation_date", &self.deprecation_date)?;
                map.serialize_entry("primary_key", &self.primary_key)?;
                map.serialize_entry("time_spine", &self.time_spine)?;
            }
            ResourceType::Test => {
                if let Some(test) = &self.test_metadata {
                    map.serialize_entry("column_name", &self.column_name)?;
                    map.serialize_entry("file_key_name", &self.file_key_name)?;
                    map.serialize_entry("attached_node", &self.attached_node)?;
                    map.serialize_entry("test_metadata", test)?;
                }
            }
            ResourceType::Operation => map.serialize_entry("index", &self.index)?,
            ResourceType::Function => {
                let function = self.function.as_deref();
                map.serialize_entry("arguments", function.map_or(&[][..], |function| &function.arguments))?;
                map.serialize_entry("overloads", function.map_or(&[][..], |function| &function.overloads))?;
            }
            _ => {}
        }
        map.end()
    }
}
