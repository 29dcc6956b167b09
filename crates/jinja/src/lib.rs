//! dbt's Jinja: a parser and an evaluator with Python's values.
//!
//! The reference is Jinja2 3.1 as dbt configures it (sandboxed; `do`, loop controls, `materialization`, `test` and
//! `docs` tags; native rendering). Values are Python's: lists and dicts are mutable and shared, what is printed is
//! Python's `str()`, methods of `str`, `dict`, `datetime` … are there.
//!
//! - [`extract_blocks`] finds the macros, tests, snapshots and docs of a file.
//! - [`MacroDef::compile`] makes a callable value of such a block; [`Template::compile`] compiles everything else.
//!   Both are immutable and shared between threads.
//! - A [`Template`] is rendered against [`Globals`], the host's names, in an [`UndefinedMode`].
//! - [`Object`] is how the host brings its own things (`adapter`, relations), [`Value::function`] its functions.
//! - [`modules`] has the names that need no host: `modules`, `tojson`, `return`, `zip` …

mod blocks;
mod error;
mod eval;
mod filters;
mod format;
mod methods;
pub mod modules;
mod syntax;
mod template;
mod value;

pub use blocks::{Block, BlockKind, ExtractedBlocks, UnexpectedTag, extract_blocks};
pub use error::{Error, ErrorKind, MacroCall, Result};
pub use eval::{Globals, MacroDef, MacroKind, Names, Parameter, State, UndefinedMode};
pub use syntax::StaticCall;
pub use template::Template;
pub use value::{
    CallArgs, DateTime, Decimal, Dict, DictMap, Key, List, Object, Set, SetMap, Slice, StrKey, Tuple, Undefined, Value,
    ValueIter, Zone, one_shot,
};
