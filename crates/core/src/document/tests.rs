//! Facts about documents.

mod model;
mod plain;
mod rules;
mod tree;
mod typed;

use std::sync::Arc;

use super::*;
use crate::path::Path;
use crate::value::Value;

fn value(text: &str) -> Value {
    Value::parse(text, &Limits::native()).unwrap()
}

fn tree(text: &str) -> Tree {
    Tree::parse(JsonText::trusted(text), DocumentLimits::default()).unwrap()
}

fn shown(changes: &Changes) -> Vec<String> {
    changes.paths.iter().map(ToString::to_string).collect()
}

fn at(path: &str) -> Path {
    Path::parse(path).unwrap()
}

/// Limits of a size, otherwise as usual.
fn up_to(size_max: usize) -> DocumentLimits {
    DocumentLimits { size_max, ..DocumentLimits::default() }
}

fn deep_up_to(depth_max: usize) -> DocumentLimits {
    DocumentLimits { depth_max, ..DocumentLimits::default() }
}

/// The data that an edit was refused for.
#[track_caller]
fn invalid<T: fmt::Debug>(result: Result<T, EditError>) -> InvalidData {
    let error = result.unwrap_err();
    let EditError::Invalid(invalid) = error else { panic!("{error}") };
    invalid
}
