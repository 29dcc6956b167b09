//! A dbt project of any size, the same at every generation: sources, staging views, intermediate models, marts.
//!
//! Of ten models four are staging, three intermediate, three marts. Every tenth is incremental, every model has a
//! description, four documented columns and two generic tests, and what it selects goes through macros.

mod models;
mod properties;

use std::path::Path;

use anyhow::Result;

/// Models per folder; a folder has one properties file.
const MODELS_PER_FOLDER: usize = 50;
/// Docs blocks, referred to by descriptions of models.
const DOCS_BLOCKS: usize = 20;

/// Writes the project into `dir` and returns the name of its last mart.
pub fn generate(dir: &Path, models: usize) -> Result<String> {
    let layers = Layers::of(models);
    write(dir, "dbt_project.yml", DBT_PROJECT)?;
    write(dir, "macros/columns.sql", COLUMN_MACROS)?;
    write(dir, "macros/hash.sql", HASH_MACROS)?;
    write(dir, "macros/generic_tests.sql", GENERIC_TEST)?;
    write(dir, "models/docs.md", &docs_blocks())?;
    for folder in layers.folders() {
        write(dir, &format!("macros/areas/{}.sql", folder.name()), &models::macro_of_area(&folder))?;
        write(dir, &format!("{}/_models.yml", folder.path()), &properties::models(&layers, &folder))?;
        if folder.layer == Layer::Staging {
            write(dir, &format!("{}/_sources.yml", folder.path()), &properties::sources(&folder))?;
        }
        for index in folder.models() {
            let path = format!("{}/{}.sql", folder.path(), folder.layer.model(index));
            write(dir, &path, &models::sql(&layers, &folder, index))?;
        }
    }
    let layer = Layer::ALL.into_iter().rfind(|layer| layers.count(*layer) > 0).unwrap_or(Layer::Staging);
    Ok(layer.model(layers.count(layer) - 1))
}

fn write(dir: &Path, path: &str, text: &str) -> Result<()> {
    let path = dir.join(path);
    fs_err::create_dir_all(path.parent().unwrap_or(dir))?;
    Ok(fs_err::write(path, text)?)
}

/// A layer of the graph; each reads from those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Staging,
    Intermediate,
    Mart,
}

impl Layer {
    const ALL: [Self; 3] = [Self::Staging, Self::Intermediate, Self::Mart];

    fn folder(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Intermediate => "intermediate",
            Self::Mart => "marts",
        }
    }

    fn model(self, index: usize) -> String {
        match self {
            Self::Staging => format!("stg_{index:05}"),
            Self::Intermediate => format!("int_{index:05}"),
            Self::Mart => format!("mart_{index:05}"),
        }
    }
}

/// How many models each layer has.
struct Layers {
    staging: usize,
    intermediate: usize,
    marts: usize,
}

impl Layers {
    fn of(models: usize) -> Self {
        let (intermediate, marts) = (models * 3 / 10, models * 3 / 10);
        Self { staging: models - intermediate - marts, intermediate, marts }
    }

    fn count(&self, layer: Layer) -> usize {
        match layer {
            Layer::Staging => self.staging,
            Layer::Intermediate => self.intermediate,
            Layer::Mart => self.marts,
        }
    }

    fn folders(&self) -> Vec<Folder> {
        let of_layer = |layer| {
            let count = self.count(layer);
            (0..count.div_ceil(MODELS_PER_FOLDER)).map(move |number| Folder {
                layer,
                number,
                end: count.min((number + 1) * MODELS_PER_FOLDER),
            })
        };
        Layer::ALL.into_iter().flat_map(of_layer).collect()
    }

    /// The models that a model reads, none twice; a staging model reads a source instead.
    fn parents(&self, layer: Layer, index: usize) -> Vec<String> {
        let mut parents = Vec::new();
        let mut add = |layer: Layer, index: usize| {
            let name = layer.model(index);
            if !parents.contains(&name) {
                parents.push(name);
            }
        };
        match layer {
            Layer::Staging => {}
            Layer::Intermediate => {
                add(Layer::Staging, index * 7 % self.staging);
                add(Layer::Staging, (index * 13 + 5) % self.staging);
                if index % 4 == 3 {
                    add(Layer::Intermediate, index / 2);
                }
            }
            Layer::Mart => {
                add(Layer::Intermediate, index % self.intermediate);
                add(Layer::Intermediate, (index * 11 + 3) % self.intermediate);
                add(Layer::Staging, index * 17 % self.staging);
                if index % 5 == 4 {
                    add(Layer::Mart, index / 2);
                }
            }
        }
        parents
    }
}

/// Some models of a layer, with one properties file and one macro of their own.
struct Folder {
    layer: Layer,
    number: usize,
    end: usize,
}

impl Folder {
    fn name(&self) -> String {
        format!("{}_{:03}", self.layer.folder(), self.number)
    }

    fn path(&self) -> String {
        format!("models/{}/area_{:03}", self.layer.folder(), self.number)
    }

    fn models(&self) -> std::ops::Range<usize> {
        self.number * MODELS_PER_FOLDER..self.end
    }

    /// The source of a staging folder.
    fn source(&self) -> String {
        format!("raw_{:03}", self.number)
    }
}

fn docs_blocks() -> String {
    let block = |number| {
        format!(
            "{{% docs subject_{number:02} %}}\nA row is one record of subject {number}, as it was known at the time \
             of loading.\n\n- `id` is stable over time\n- amounts are in the currency of the project\n{{% enddocs %}}\n"
        )
    };
    (0..DOCS_BLOCKS).map(block).collect::<Vec<_>>().join("\n")
}

const DBT_PROJECT: &str = r#"name: synthetic
version: "1.0.0"
profile: synthetic

model-paths: ["models"]
macro-paths: ["macros"]

dispatch:
  - macro_namespace: synthetic
    search_order: ["synthetic"]

vars:
  currency: EUR
  first_day: "2024-01-01"
  keep_deleted: false

models:
  synthetic:
    staging:
      +materialized: view
      +tags: ["staging"]
    intermediate:
      +materialized: view
      +schema: intermediate
      +tags: ["intermediate"]
    marts:
      +materialized: table
      +schema: marts
      +tags: ["marts", "daily"]
"#;

const COLUMN_MACROS: &str = r"{% macro cents_to_units(column, digits=2) -%}
    round(cast({{ column }} as decimal(18, 4)) / 100, {{ digits }})
{%- endmacro %}

{% macro audit_columns(model_name) -%}
    '{{ model_name }}' as built_by,
    '{{ var('currency') }}' as currency
{%- endmacro %}

{% macro list_columns(columns, prefix='') -%}
    {%- for column in columns %}
    {{ prefix }}{{ column }}{{ ',' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
";

const HASH_MACROS: &str = r"{% macro key_of(columns) -%}
    {{ return(adapter.dispatch('key_of', 'synthetic')(columns)) }}
{%- endmacro %}

{% macro default__key_of(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append('coalesce(cast(' ~ column ~ ' as varchar), ' ~ chr_of_null() ~ ')') -%}
    {%- endfor -%}
    {{ parts | join(' || ') }}
{%- endmacro %}

{% macro chr_of_null() -%}
    '-'
{%- endmacro %}
";

const GENERIC_TEST: &str = r"{% test at_least(model, column_name, minimum) %}
select *
from {{ model }}
where {{ column_name }} < {{ minimum }}
{% endtest %}
";

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dir: &Path) -> Vec<(String, String)> {
        let mut files = Vec::new();
        for entry in fs_err::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(self::files(&path));
            } else {
                files.push((path.file_name().unwrap().display().to_string(), fs_err::read_to_string(&path).unwrap()));
            }
        }
        files.sort();
        files
    }

    #[test]
    fn a_project_has_its_models_and_two_tests_of_each() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(generate(one.path(), 203).unwrap(), "mart_00059");
        generate(other.path(), 203).unwrap();
        let files = files(one.path());
        assert_eq!(files, super::tests::files(other.path()), "every generation is the same");

        let with_prefix = |prefix: &str| files.iter().filter(|(name, _)| name.starts_with(prefix)).count();
        assert_eq!([with_prefix("stg_"), with_prefix("int_"), with_prefix("mart_0")], [83, 60, 60]);
        let incremental = files.iter().filter(|(_, text)| text.contains("is_incremental()")).count();
        assert_eq!(incremental, 20);
        let listed = |what: &str| {
            let texts = files.iter().filter(|(name, _)| name == "_models.yml");
            texts.map(|(_, text)| text.matches(what).count()).sum::<usize>()
        };
        assert_eq!(listed("  - name: stg_") + listed("  - name: int_") + listed("  - name: mart_"), 203);
        let tests = ["- not_null", "- unique", "- accepted_values:", "- relationships:", "- at_least:"].map(listed);
        assert_eq!(tests.iter().sum::<usize>(), 2 * 203);
    }

    #[test]
    fn parents_exist_and_come_earlier() {
        let layers = Layers::of(1_000);
        for layer in [Layer::Intermediate, Layer::Mart] {
            for index in 0..layers.count(layer) {
                let own = layer.model(index);
                for parent in layers.parents(layer, index) {
                    let known = Layer::ALL.into_iter().any(|of| (0..layers.count(of)).any(|at| of.model(at) == parent));
                    assert!(known && parent != own, "{own} reads {parent}");
                }
            }
        }
    }
}
