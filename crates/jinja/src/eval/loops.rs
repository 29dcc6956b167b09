//! `for` and its `loop`.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::execute::Flow;
use super::{Sink, State};
use crate::syntax::ast::For;
use crate::value::Undefined;
use crate::{CallArgs, Error, ErrorKind, Object, Result, Value};

impl State<'_> {
    pub(super) fn for_loop(&mut self, each: &Arc<For>, items: Value, depth: usize, out: &mut Sink) -> Result<Flow> {
        let outer = self.enter_scope();
        let result = self.iterate(each, items, depth, out);
        self.leave_scope(outer);
        if result? {
            return Ok(Flow::Next);
        }
        let outer = self.enter_scope();
        let result = self.execute(&each.otherwise, out);
        self.leave_scope(outer);
        result
    }

    /// Whether there was any item.
    fn iterate(&mut self, each: &Arc<For>, items: Value, depth: usize, out: &mut Sink) -> Result<bool> {
        let Some(loop_name) = &each.loop_name else {
            let mut any = false;
            for item in items.iter()? {
                self.pass()?;
                self.locals.truncate(self.frame.scope);
                self.assign_target(&each.target, item?)?;
                if let Some(condition) = &each.condition
                    && !self.evaluate(condition)?.is_true()
                {
                    continue;
                }
                any = true;
                if self.execute(&each.body, out)? == Flow::Break {
                    break;
                }
            }
            return Ok(any);
        };
        let mut items = items.items()?;
        if let Some(condition) = &each.condition {
            let mut kept = Vec::new();
            for item in items {
                self.locals.truncate(self.frame.scope);
                self.assign_target(&each.target, item.clone())?;
                if self.evaluate(condition)?.is_true() {
                    kept.push(item);
                }
            }
            items = kept;
        }
        let state = Arc::new(Loop {
            items,
            index: AtomicUsize::new(0),
            depth,
            changed: Mutex::new(None),
            recursion: each.recursive.then(|| (Arc::clone(each), self.frame.base)),
            propagates: self.captures(),
        });
        for (index, item) in state.items.iter().enumerate() {
            self.pass()?;
            state.index.store(index, Ordering::Relaxed);
            self.locals.truncate(self.frame.scope);
            let shown: Arc<dyn Object> = Arc::<Loop>::clone(&state);
            self.locals.push((loop_name.id, Value::Object(shown)));
            self.assign_target(&each.target, item.clone())?;
            if self.execute(&each.body, out)? == Flow::Break {
                break;
            }
        }
        Ok(!state.items.is_empty())
    }
}

/// `loop`
struct Loop {
    items: Vec<Value>,
    index: AtomicUsize,
    depth: usize,
    changed: Mutex<Option<Vec<Value>>>,
    /// The loop and the frame it belongs to, when it is recursive.
    recursion: Option<(Arc<For>, usize)>,
    propagates: bool,
}

impl fmt::Debug for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

impl Loop {
    fn neighbour(&self, index: Option<usize>, hint: &str) -> Value {
        match index.and_then(|index| self.items.get(index)) {
            Some(item) => item.clone(),
            None => Value::Undefined(Arc::new(Undefined {
                hint: Some(hint.to_owned()),
                propagates: self.propagates,
                ..Undefined::default()
            })),
        }
    }
}

impl Object for Loop {
    fn type_name(&self) -> &str {
        "LoopContext"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        let index = self.index.load(Ordering::Relaxed);
        let length = self.items.len();
        Some(match name {
            "index" => (index + 1).into(),
            "index0" => index.into(),
            "revindex" => (length - index).into(),
            "revindex0" => (length - index - 1).into(),
            "first" => (index == 0).into(),
            "last" => (index + 1 == length).into(),
            "length" => length.into(),
            "depth" => (self.depth + 1).into(),
            "depth0" => self.depth.into(),
            "previtem" => self.neighbour(index.checked_sub(1), "there is no previous item"),
            "nextitem" => self.neighbour(Some(index + 1), "there is no next item"),
            _ => return None,
        })
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "cycle" | "changed")
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        match name {
            "cycle" => {
                let count = args.positional.len();
                if count == 0 {
                    return Err(Error::type_error("no items for cycling given"));
                }
                Ok(args.positional[self.index.load(Ordering::Relaxed) % count].clone())
            }
            "changed" => {
                let mut last = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
                let changed = last.as_ref() != Some(&args.positional);
                *last = Some(args.positional);
                Ok(Value::Bool(changed))
            }
            _ => match self.get_attr(name) {
                Some(value) => state.call(&value, args),
                None => state.call_missing(self.type_name(), name),
            },
        }
    }

    fn call(&self, state: &mut State<'_>, args: CallArgs) -> Result<Value> {
        let [items] = args.bind("loop", ["iterable"], 1)?;
        let Some((each, base)) = &self.recursion else {
            return Err(Error::type_error("The loop must have the 'recursive' marker to be called recursively."));
        };
        if *base != state.frame.base {
            return Err(Error::new(ErrorKind::Runtime, "loop(...) can only be called from its own template or macro"));
        }
        if state.calls >= super::MAX_CALLS {
            return Err(Error::new(ErrorKind::Recursion, "maximum recursion depth exceeded"));
        }
        state.calls += 1;
        let mut out = Sink::Text(String::new());
        let result = stacker::maybe_grow(256 * 1024, 4 * 1024 * 1024, || {
            state.for_loop(each, items.unwrap_or(Value::None), self.depth + 1, &mut out)
        });
        state.calls -= 1;
        result?;
        match out {
            Sink::Text(text) => Ok(text.into()),
            Sink::Pieces(_) => Ok(Value::None),
        }
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn len(&self) -> Option<usize> {
        Some(self.items.len())
    }

    fn is_true(&self) -> bool {
        true
    }

    fn is_sequence(&self) -> bool {
        false
    }

    fn repr(&self) -> String {
        format!("<LoopContext {}/{}>", self.index.load(Ordering::Relaxed) + 1, self.items.len())
    }
}
