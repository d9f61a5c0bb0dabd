//! Versions of data in a fleet that is being deployed (P7): which code a process runs, what its steps
//! leave in a record, and which of them fail for a while (P9).
//!
//! ```text
//!   {"count":17,"mix":9052181102113,"shape":[1,2],"v":2,"pad":"xxxxx..."}
//!        the steps that ran, in their order  ──┘     └── the version, if it stands in the data
//! ```
//!
//! In a mixed fleet every process that starts runs a version of its own. The version that is deployed
//! mostly rises and sometimes goes back, some processes are ahead of it or behind, and now and then
//! one is asked to end so that the next one runs other code.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use steadfast_core::document::{Cancel, DocumentLimits};
use steadfast_core::game_server::Parse;
use steadfast_core::schema::{Ahead, Held, LoadChange, LoadError, Loaded, Schema, Stored};
use steadfast_core::value::{InvalidData, Number};
use steadfast_core::{Content, JsonText, Path, Rng, Value};
use steadfast_sim::{Faults, Streams};

use super::sheet::Sheet;
use super::sites::{MIGRATION, MIXED};
use super::witness::Marker;

/// The latest version that any process runs.
const NEWEST: u32 = 3;

/// What stands before the steps.
const MEMBER: &str = "\"shape\":[";

/// The name of the version in the data.
const FIELD: &str = "v";

/// What stands before the version in the data.
const STAMP: &str = "\"v\":";

/// No sheet has either later.
const HEAD: usize = 100;

/// What no step leaves: two runs on one text did not agree.
const TWO_ANSWERS: u32 = u32::MAX;

/// The steps that ran on some data, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    steps: Vec<u32>,
    /// The version that stands in the data, if one does.
    pub(super) stamp: Option<u32>,
}

impl Shape {
    /// Of data that begins with a version.
    pub(super) fn whole(version: u32) -> Self {
        Self { steps: (1..=version).collect(), stamp: None }
    }

    /// What the text of a sheet says.
    pub(super) fn of(value: &JsonText) -> Self {
        let text = value.as_str();
        Self::anywhere(text.get(..HEAD).unwrap_or(text))
    }

    /// What a text says, wherever it stands.
    pub(super) fn anywhere(text: &str) -> Self {
        let list = text.split_once(MEMBER).and_then(|(_, rest)| rest.split_once(']'));
        let steps = list.map_or("", |(list, _)| list).split(',');
        let steps = steps.filter_map(|digits| digits.parse().ok()).collect();
        let stamp = text.split_once(STAMP).and_then(|(_, rest)| rest.split([',', '}']).next());
        Self { steps, stamp: stamp.and_then(|digits| digits.parse().ok()) }
    }

    /// The version of data like that; nothing if its steps did not run in order, each once.
    pub(super) fn version(&self) -> Option<u32> {
        let version = u32::try_from(self.steps.len()).ok()?;
        self.steps.iter().copied().eq(1..=version).then_some(version)
    }

    /// Its members in the text of a sheet; data that no step ran on has none.
    pub(super) fn write(&self, text: &mut String) {
        let room = "a string has room";
        for (index, step) in self.steps.iter().enumerate() {
            let before = if index == 0 { MEMBER } else { "," };
            write!(text, "{before}{step}").expect(room);
        }
        if !self.steps.is_empty() {
            text.push_str("],");
        }
        if let Some(stamp) = self.stamp {
            write!(text, "{STAMP}{stamp},").expect(room);
        }
    }
}

/// How a mixed fleet treats versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// They stand beside the record, and what is ahead is refused.
    Beside,
    /// They stand in the data as well.
    Field,
    /// What is ahead is opened as it is.
    PassThrough,
}

impl Manner {
    /// Of a knob; nothing at 0, where all run one version.
    fn parse(knob: u64) -> Option<Self> {
        match knob {
            0 => None,
            1 => Some(Self::Beside),
            2 => Some(Self::Field),
            _ => Some(Self::PassThrough),
        }
    }

    fn schema(self, version: u32) -> Schema {
        let schema = Schema::new(version);
        match self {
            Self::Beside => schema,
            Self::Field => schema.version_field(FIELD),
            Self::PassThrough => schema.ahead(Ahead::PassThrough),
        }
    }
}

/// Which data code knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Knows {
    pub(super) version: u32,
    /// Whether it opens what later code wrote.
    pub(super) passes: bool,
}

/// What a process runs.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) knows: Knows,
    /// How a record is read.
    pub(super) parse: Parse,
    /// What one begins with.
    pub(super) defaults: Arc<Content>,
}

impl Code {
    fn new(version: u32, manner: Manner, mishap: &Arc<AtomicU64>) -> Self {
        let schema = (1..=version).fold(manner.schema(version), |schema, to| {
            let mishap = Arc::clone(mishap);
            schema
                .step(to, move |data| step(to, data, Mishap::parse(mishap.load(Ordering::Relaxed))))
        });
        let parse: Parse = Arc::new(move |stored| load(&schema, stored));
        let defaults = Sheet { shape: Shape::whole(version), ..Sheet::new(Marker::NONE, 200) };
        let knows = Knows { version, passes: manner == Manner::PassThrough };
        Self { knows, parse, defaults: defaults.content() }
    }

    /// What a record held once, as this code has it, and whether other code wrote it; nothing if
    /// it cannot be had now.
    pub(super) fn read(&self, past: &Content) -> Option<(Sheet, bool)> {
        let schema = Shape::of(&past.value).version()?;
        let stored = Stored { text: &past.value, schema, is_new: false };
        let loaded = (self.parse)(stored).ok()?;
        let sheet = loaded.document.as_any().downcast_ref::<Sheet>()?.clone();
        Some((sheet, schema != self.knows.version))
    }
}

/// Reads what a record holds. Steps run twice, each time on what is stored.
fn load(schema: &Schema, stored: Stored<'_>) -> Result<Loaded, LoadError> {
    let limits = DocumentLimits::default();
    let once = schema.load(stored, limits);
    let runs_steps = once.as_ref().map_or(true, |once| once.change == LoadChange::Migrated);
    let again = if runs_steps { Some(schema.load(stored, limits)) } else { None };
    let is_same = match (&once, &again) {
        (Ok(once), Some(Ok(again))) => {
            let of = |loaded: &Loaded<Held>| (loaded.schema, loaded.change);
            once.document == again.document && of(once) == of(again)
        }
        (Err(once), Some(Err(again))) => once == again,
        (Ok(_), Some(Err(_))) | (Err(_), Some(Ok(_))) => false,
        (_, None) => true,
    };
    // An answer that was not given twice is told by what was read.
    let mut loaded = once.or_else(|error| again.unwrap_or(Err(error)))?.try_map(|held| {
        let sheet = match held {
            Held::Text(text) => Sheet::parse(&text),
            Held::Value(value) => Sheet::of_value(&value),
        };
        sheet.ok_or_else(|| InvalidData::because(Path::root(), "it is no sheet"))
    })?;
    if !is_same {
        loaded.document.shape.steps.push(TWO_ANSWERS);
    }
    Ok(loaded.boxed())
}

/// A step: it leaves its number, whatever is there.
fn step(to: u32, data: &mut Value, mishap: Option<Mishap>) -> Result<(), Cancel> {
    if let Some(mishap) = mishap.filter(|mishap| mishap.strikes(to, data)) {
        if mishap.panics {
            // Nothing is printed, unlike by a panic that nobody expects.
            std::panic::resume_unwind(Box::new(()));
        }
        return Err(Cancel::because("not today"));
    }
    let path = Path::from("shape");
    match data.item_count(&path) {
        Ok(count) => data.insert(&path, count, to.into())?,
        Err(_) => drop(data.set(&path, Value::array([to.into()]))?),
    }
    Ok(())
}

/// A step that fails for half of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mishap {
    to: u32,
    panics: bool,
    /// Whether it is those whose mix is odd.
    is_odd: bool,
}

impl Mishap {
    /// How many there are.
    const COUNT: u64 = 12;

    /// From 1 on; nothing fails at 0.
    fn parse(number: u64) -> Option<Self> {
        let number = number.checked_sub(1)?;
        let to = u32::try_from(number % u64::from(NEWEST)).ok()? + 1;
        let rest = number / u64::from(NEWEST);
        Some(Self { to, panics: rest % 2 == 1, is_odd: rest / 2 % 2 == 1 })
    }

    fn strikes(self, to: u32, data: &Value) -> bool {
        let is_odd = match data.get(&Path::from("mix")) {
            Some(Value::Number(Number::Integer(mix))) => mix % 2 != 0,
            Some(Value::Number(Number::Unsigned(mix))) => mix % 2 != 0,
            Some(
                Value::Number(Number::Float(_))
                | Value::Null
                | Value::Bool(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_),
            )
            | None => return false,
        };
        to == self.to && is_odd == self.is_odd
    }
}

/// Which code processes run.
pub(super) struct Schemas {
    is_mixed: bool,
    /// Of every version that is run.
    codes: Vec<Code>,
    /// The version that is deployed.
    deployed: u32,
    /// [`Mishap`], which every step looks at.
    mishap: Arc<AtomicU64>,
    rng: Rng,
}

impl Schemas {
    pub(super) fn new(streams: &Streams, faults: &mut Faults) -> Self {
        let manner = Manner::parse(faults.knob(&MIXED));
        let is_mixed = manner.is_some();
        let newest = if is_mixed { NEWEST } else { 0 };
        let (mishap, mut rng) = (Arc::default(), streams.own("schemas"));
        let manner = manner.unwrap_or(Manner::Beside);
        let codes = (0..=newest).map(|version| Code::new(version, manner, &mishap)).collect();
        let deployed = u32::from(is_mixed && rng.percent(30));
        Self { is_mixed, codes, deployed, mishap, rng }
    }

    /// What a process runs that starts now.
    pub(super) fn next(&mut self) -> Code {
        let ahead = (self.deployed + 1).min(self.newest().knows.version);
        let version = match if self.is_mixed { self.rng.below(10) } else { 9 } {
            0 => self.deployed.saturating_sub(1),
            1 => ahead,
            _ => self.deployed,
        };
        let found = self.codes.iter().find(|code| code.knows.version == version);
        found.expect("there is code of every version that is run").clone()
    }

    /// What knows all data.
    pub(super) fn newest(&self) -> &Code {
        self.codes.last().expect("there is code of version 0 at least")
    }

    /// A round begins. Whether a process is to end, so that the next one runs what is deployed.
    pub(super) fn begin_round(&mut self, faults: &mut Faults) -> bool {
        if !self.is_mixed {
            return false;
        }
        if let Some(fault) = faults.visit(&MIGRATION) {
            let number = u64::try_from(fault.amount()).unwrap_or(0) % Mishap::COUNT + 1;
            self.mishap.store(number, Ordering::Relaxed);
        } else if self.rng.percent(10) {
            self.heal();
        }
        if self.rng.percent(8) {
            self.deployed = if self.rng.percent(70) {
                (self.deployed + 1).min(NEWEST)
            } else {
                self.deployed.saturating_sub(1)
            };
        }
        self.rng.percent(20)
    }

    /// No step fails any more.
    pub(super) fn heal(&mut self) {
        self.mishap.store(0, Ordering::Relaxed);
    }

    /// Which of these makes way, and whether it cannot reach the store any more.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<(T, bool)> {
        let is_cut = self.rng.percent(30);
        Some((self.rng.pick(from).copied()?, is_cut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(version: u32, mishap: u64) -> Code {
        Code::new(version, Manner::Beside, &Arc::new(AtomicU64::new(mishap)))
    }

    fn shape(steps: &[u32]) -> Shape {
        Shape { steps: steps.to_vec(), stamp: None }
    }

    fn sheet(steps: &[u32], mix: u64) -> Sheet {
        let sheet = Sheet::new(Marker { count: 3, mix }, 40);
        Sheet { shape: shape(steps), ..sheet }
    }

    fn loaded(code: &Code, sheet: &Sheet, schema: u32) -> Result<(Sheet, LoadChange), LoadError> {
        let text = sheet.text();
        let loaded = (code.parse)(Stored { text: &text, schema, is_new: false })?;
        let sheet = loaded.document.as_any().downcast_ref::<Sheet>().unwrap().clone();
        Ok((sheet, loaded.change))
    }

    #[test]
    fn a_shape_has_a_version_if_its_steps_ran_in_order_and_once() {
        let cases: [(&[u32], _); 6] = [
            (&[], Some(0)),
            (&[1, 2], Some(2)),
            (&[2, 1], None),
            (&[1, 1], None),
            (&[2], None),
            (&[1, 2, TWO_ANSWERS], None),
        ];
        for (steps, version) in cases {
            assert_eq!(shape(steps).version(), version, "{steps:?}");
        }
    }

    #[test]
    fn a_shape_is_read_from_the_longest_head() {
        let marker = Marker { count: u64::MAX, mix: u64::MAX };
        let shape = Shape { stamp: Some(3), ..Shape::whole(3) };
        let largest = Sheet { shape: shape.clone(), ..Sheet::new(marker, 4) };
        assert_eq!(Shape::of(&largest.text()), shape);
        assert_eq!(Sheet::parse(&largest.text()), Some(largest));
    }

    #[test]
    fn code_brings_older_data_to_its_version_and_keeps_the_rest() {
        let (old, mix) = (sheet(&[1], u64::MAX), u64::MAX);
        let (new, change) = loaded(&code(3, 0), &old, 1).unwrap();
        assert_eq!((new, change), (sheet(&[1, 2, 3], mix), LoadChange::Migrated));
        let read = code(3, 0).read(&old.content());
        assert_eq!(read, Some((sheet(&[1, 2, 3], mix), true)));
        assert_eq!(code(0, 0).read(&old.content()), None, "it is ahead");
        // A step does not look whether it ran.
        assert_eq!(loaded(&code(1, 0), &old, 0).unwrap().0.shape, shape(&[1, 1]));
    }

    #[test]
    fn a_version_in_the_data_counts_more_than_the_one_beside_it() {
        let none = Arc::default();
        let code = Code::new(2, Manner::Field, &none);
        let stamped = |version| {
            let shape = Shape { stamp: Some(version), ..Shape::whole(version) };
            Sheet { shape, ..sheet(&[], 5) }
        };
        let migrated = (stamped(2), LoadChange::Migrated);
        assert_eq!(loaded(&code, &stamped(1), 2).unwrap(), migrated);
        assert_eq!(loaded(&code, &sheet(&[1], 5), 1).unwrap(), migrated);
        let ahead = Err(LoadError::SchemaAhead { stored: 3, known: 2 });
        assert_eq!(loaded(&code, &stamped(3), 2), ahead);
    }

    #[test]
    fn what_is_ahead_is_passed_through_as_it_is() {
        let code = Code::new(1, Manner::PassThrough, &Arc::default());
        let later = sheet(&[1, 2], 5);
        assert_eq!(loaded(&code, &later, 2).unwrap(), (later, LoadChange::None));
    }

    #[test]
    fn a_mishap_strikes_one_step_for_half_of_the_records() {
        let mut struck = 0;
        for number in 1..=Mishap::COUNT {
            let mishap = Mishap::parse(number).unwrap();
            for mix in [6, 7] {
                let opened = loaded(&code(3, number), &sheet(&[], mix), 0);
                let expected = (mishap.is_odd == (mix == 7)).then_some(mishap.to);
                let failed = match opened {
                    Ok(_) => None,
                    Err(LoadError::MigrationFailed { version, reason }) => {
                        assert_eq!(mishap.panics, &*reason == "it panicked");
                        Some(version)
                    }
                    Err(other) => panic!("{other}"),
                };
                assert_eq!(failed, expected, "{mishap:?}, {mix}");
                struck += u64::from(failed.is_some());
            }
        }
        assert_eq!(struck, Mishap::COUNT);
        assert_eq!(Mishap::parse(0), None);
    }
}
