//! Facts about documents that say only what they hold.

use super::*;

/// A document that is one answer, yes or no.
#[derive(Debug)]
struct Flag(bool);

impl Document for Flag {
    fn encode(&mut self) -> JsonText {
        self.snapshot_value().to_json()
    }

    fn size(&mut self) -> usize {
        self.encode().size()
    }

    fn rest(&mut self) {}

    fn snapshot_value(&self) -> Value {
        Value::from(self.0)
    }

    fn put_value(&mut self, value: Value) -> Result<(), EditError> {
        let Value::Bool(flag) = value else {
            return Err(InvalidData::because(Path::root(), "no flag").into());
        };
        self.0 = flag;
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

#[test]
fn an_edit_by_path_is_handed_to_a_document_as_the_value_it_leaves() {
    let mut flag = Flag(false);
    let changes = flag.edit_value(&mut |draft| Ok(draft.set(Path::root(), true).map(drop)?));
    assert_eq!(changes.unwrap().paths, [Path::root()]);
    assert!(flag.0);
}

#[test]
fn an_edit_that_is_cancelled_or_leaves_what_a_document_cannot_hold_changes_nothing() {
    let mut flag = Flag(true);
    let cancelled = flag.edit_value(&mut |draft| {
        draft.set(Path::root(), false)?;
        Err(Cancel::because("not today"))
    });
    assert!(matches!(cancelled, Err(EditError::Cancelled(_))), "{cancelled:?}");
    let refused = flag.edit_value(&mut |draft| Ok(draft.set(Path::root(), 7).map(drop)?));
    assert_eq!(invalid(refused), InvalidData::because(Path::root(), "no flag"));
    assert!(flag.0);
}

#[test]
fn a_draft_of_a_document_changes_nothing_and_keeps_the_limits_of_all_documents() {
    let flag = Flag(true);
    let mut draft = flag.draft();
    let longest = "x".repeat(DocumentLimits::SIZE_MAX - 2);
    let longer = draft.set(Path::root(), format!("{longest}x"));
    let limit = DocumentLimits::SIZE_MAX;
    assert_eq!(invalid(longer).problem, Problem::TooLarge { actual: limit + 1, limit });
    draft.set(Path::root(), longest).unwrap();
    assert!(flag.0);
}
