//! A member of one of dbt's Python enumerations: prints as `TableType.ICEBERG`, has `.name` and `.value`.

use jinja::{Object, Value};

/// A member of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EnumMember {
    /// `TableType`.
    pub class: &'static str,
    /// `ICEBERG`.
    pub name: &'static str,
    /// `iceberg_table`.
    pub value: &'static str,
}

impl Object for EnumMember {
    fn type_name(&self) -> &str {
        self.class
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        match name {
            "name" => Some(self.name.into()),
            "value" => Some(self.value.into()),
            _ => None,
        }
    }

    fn str(&self) -> String {
        format!("{}.{}", self.class, self.name)
    }

    fn repr(&self) -> String {
        format!("<{}.{}: '{}'>", self.class, self.name, self.value)
    }

    fn is_true(&self) -> bool {
        true
    }

    fn eq(&self, other: &Value) -> bool {
        other.downcast_ref::<Self>() == Some(self)
    }

    fn hash(&self) -> Option<u64> {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        Hash::hash(self, &mut hasher);
        Some(hasher.finish())
    }
}
