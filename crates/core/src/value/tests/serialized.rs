//! Facts about values made from `serde` types.

use std::collections::BTreeMap;

use serde::Serialize;

use super::*;

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Meters(f32);

#[derive(Serialize)]
struct Pair(i8, u16);

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Plain,
    One(u8),
    Two(u8, char),
    Named { a: Option<u8>, b: () },
}

#[derive(Serialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    A(u8),
}

#[derive(Serialize)]
#[serde(tag = "t")]
enum Internal {
    A { x: u8 },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Untagged {
    Text(String),
}

#[derive(Serialize)]
struct Inner {
    inner: u8,
}

struct Bytes(&'static [u8]);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// One of every shape that `serde` knows.
#[derive(Serialize)]
struct Zoo {
    z_first: bool,
    numbers: (i8, i16, i32, i64, u8, u16, u32, u64),
    wide: (i128, u128),
    fractions: (f32, f32, f32, f64, f64),
    length: Meters,
    letter: char,
    text: &'static str,
    bytes: Bytes,
    unit: Unit,
    pair: Pair,
    none: Option<u8>,
    some: Option<u8>,
    kinds: Vec<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u8>,
    #[serde(skip)]
    _skipped: u8,
    #[serde(rename = "é\n")]
    renamed: (Adjacent, Internal, Untagged),
    #[serde(flatten)]
    flat: Inner,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
    by_number: BTreeMap<i64, u8>,
    by_letter: BTreeMap<char, u8>,
    by_flag: BTreeMap<bool, u8>,
    by_kind: BTreeMap<Kind, u8>,
    by_some: BTreeMap<Option<u8>, u8>,
}

pub(crate) fn zoo() -> impl Serialize {
    Zoo {
        z_first: true,
        numbers: (-1, -2, -3, i64::MIN, 1, 2, 3, u64::MAX),
        wide: (i64::MIN.into(), u64::MAX.into()),
        fractions: (1.1, 1e15, -0.0, 1e15, 0.1),
        length: Meters(0.3),
        letter: 'é',
        text: "\"\\\u{0}\u{1f}\u{7f}/\n\t\r\u{8}\u{c}",
        bytes: Bytes(&[0, 255]),
        unit: Unit,
        pair: Pair(-1, 1),
        none: None,
        some: Some(1),
        kinds: vec![Kind::Plain, Kind::One(1), Kind::Two(1, 'x'), Kind::Named { a: None, b: () }],
        left_out: None,
        _skipped: 1,
        renamed: (Adjacent::A(1), Internal::A { x: 1 }, Untagged::Text("u".into())),
        flat: Inner { inner: 1 },
        rest: BTreeMap::from([("extra".into(), 1)]),
        by_number: BTreeMap::from([(-1, 1), (10, 2), (9, 3)]),
        by_letter: BTreeMap::from([('a', 1)]),
        by_flag: BTreeMap::from([(true, 1), (false, 0)]),
        by_kind: BTreeMap::from([(Kind::Plain, 1)]),
        by_some: BTreeMap::from([(Some(1), 1)]),
    }
}

#[test]
fn a_type_becomes_the_value_that_its_text_reads_as() {
    let text = serde_json::to_string(&zoo()).unwrap();
    assert_eq!(Value::from_serialize(&zoo(), 128), Ok(value(&text)));
}

#[track_caller]
fn check_refused<T: Serialize>(source: &T, path: &str, problem: Problem) {
    let refused = Value::from_serialize(source, 2).map_err(|e| (e.path.to_string(), e.problem));
    assert_eq!(refused, Err((path.to_owned(), problem)));
}

#[test]
fn what_cannot_be_stored_is_refused_where_it_stands() {
    let at_a = |value: f64| BTreeMap::from([("a", vec![1.0, value])]);
    check_refused(&at_a(f64::NAN), "a[1]", Problem::NotFinite);
    check_refused(&at_a(f64::INFINITY), "a[1]", Problem::NotFinite);
    check_refused(&(1, f32::NAN), "[1]", Problem::NotFinite);
    let large = u128::from(u64::MAX) + 1;
    check_refused(&[large], "[0]", Problem::NumberTooLarge { number: large.to_string() });
    let small = i128::from(i64::MIN) - 1;
    check_refused(&[small], "[0]", Problem::NumberTooLarge { number: small.to_string() });
    check_refused(&[[[1]]], "[0][0]", Problem::TooDeep { limit: 2 });
    check_refused(&[BTreeMap::from([((1, 2), 1)])], "[0]", Problem::KeyNotText);
    check_refused(&BTreeMap::from([(None::<u8>, 1)]), "(root)", Problem::KeyNotText);
    check_refused(&BTreeMap::from([(Kind::One(1), 1)]), "(root)", Problem::KeyNotText);
}

#[test]
fn a_key_that_would_stand_twice_is_refused() {
    #[derive(Serialize)]
    struct Twice {
        a: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }
    let twice = [Twice { a: 1, rest: BTreeMap::from([("a".into(), 2)]) }];
    check_refused(&twice, "[0]", Problem::DuplicateKey { key: "a".into() });
}

struct Fails(#[expect(dead_code, reason = "so that it takes a place")] u8);

impl Serialize for Fails {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

#[test]
fn raw_json_and_a_serialization_that_fails_are_refused() {
    let raw = serde_json::value::RawValue::from_string("[1]".into()).unwrap();
    check_refused(&[raw], "[0]", Problem::RawJson);
    let refused = Problem::Refused { message: "no".into() };
    check_refused(&BTreeMap::from([("a", Fails(1))]), "a", refused);
}
