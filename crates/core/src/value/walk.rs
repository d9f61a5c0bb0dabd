//! Any `serde` type as a walk over its JSON: what is done at each step is up to a [`Sink`].
//!
//! One walk serves both uses, so that they cannot disagree: building a value, and counting what a
//! type will be as text without building anything. It sees what `serde_json` writes, and refuses
//! what that rounds to something else: infinite numbers, integers beyond 64 bits, raw JSON.

use std::fmt::Display;

use serde::ser::{
    self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct,
    SerializeStructVariant, SerializeTuple, SerializeTupleStruct, SerializeTupleVariant,
    Serializer,
};
use serde_json::ser::{CompactFormatter, Formatter};

use super::{Finite, Number, Problem};
use crate::path::Path;

/// What is told of a walk, in the order of the text.
pub(crate) trait Sink {
    fn null(&mut self) -> Result<(), Problem>;
    fn bool(&mut self, flag: bool) -> Result<(), Problem>;
    fn number(&mut self, number: Number) -> Result<(), Problem>;
    /// A number of single precision, which is written shorter than its double.
    fn single(&mut self, number: f32) -> Result<(), Problem>;
    fn string(&mut self, text: &str) -> Result<(), Problem>;
    fn array(&mut self) -> Result<(), Problem>;
    fn end_array(&mut self) -> Result<(), Problem>;
    fn object(&mut self) -> Result<(), Problem>;
    fn key(&mut self, key: &str) -> Result<(), Problem>;
    fn end_object(&mut self) -> Result<(), Problem>;
    /// Where the walk stands.
    fn path(&self) -> Path;
}

/// How `serde_json` marks values that are JSON already.
const RAW_PREFIX: &str = "$serde_json::private::";

/// The serializer that tells a sink.
#[derive(Debug)]
pub(crate) struct Walk<'a, S>(pub(crate) &'a mut S);

/// An array or object that the walk is inside of.
#[derive(Debug)]
pub(crate) struct Inside<'a, S>(&'a mut S);

/// A number of single precision as `serde_json` writes it.
pub(crate) fn single_text(number: f32) -> String {
    let mut text = Vec::new();
    CompactFormatter.write_f32(&mut text, number).expect("writing to memory cannot fail");
    String::from_utf8(text).expect("a number is ASCII")
}

fn double_text(number: f64) -> String {
    let mut text = Vec::new();
    CompactFormatter.write_f64(&mut text, number).expect("writing to memory cannot fail");
    String::from_utf8(text).expect("a number is ASCII")
}

impl<'a, S: Sink> Walk<'a, S> {
    fn wide(self, number: Option<i128>, text: impl Display) -> Result<(), Problem> {
        let fitting = number.and_then(Number::from_wide);
        let refuse = || Problem::NumberTooLarge { number: text.to_string() };
        self.0.number(fitting.ok_or_else(refuse)?)
    }

    fn array(self) -> Result<Inside<'a, S>, Problem> {
        self.0.array()?;
        Ok(Inside(self.0))
    }

    fn object(self) -> Result<Inside<'a, S>, Problem> {
        self.0.object()?;
        Ok(Inside(self.0))
    }

    /// An object whose only key is the name of a variant.
    fn variant(&mut self, variant: &str) -> Result<(), Problem> {
        self.0.object()?;
        self.0.key(variant)
    }
}

impl<'a, S: Sink> Serializer for Walk<'a, S> {
    type Ok = ();
    type Error = Problem;
    type SerializeSeq = Inside<'a, S>;
    type SerializeTuple = Inside<'a, S>;
    type SerializeTupleStruct = Inside<'a, S>;
    type SerializeTupleVariant = Inside<'a, S>;
    type SerializeMap = Inside<'a, S>;
    type SerializeStruct = Inside<'a, S>;
    type SerializeStructVariant = Inside<'a, S>;

    fn serialize_bool(self, flag: bool) -> Result<(), Problem> {
        self.0.bool(flag)
    }

    fn serialize_i8(self, number: i8) -> Result<(), Problem> {
        self.serialize_i64(number.into())
    }

    fn serialize_i16(self, number: i16) -> Result<(), Problem> {
        self.serialize_i64(number.into())
    }

    fn serialize_i32(self, number: i32) -> Result<(), Problem> {
        self.serialize_i64(number.into())
    }

    fn serialize_i64(self, number: i64) -> Result<(), Problem> {
        self.0.number(number.into())
    }

    fn serialize_i128(self, number: i128) -> Result<(), Problem> {
        self.wide(Some(number), number)
    }

    fn serialize_u8(self, number: u8) -> Result<(), Problem> {
        self.serialize_u64(number.into())
    }

    fn serialize_u16(self, number: u16) -> Result<(), Problem> {
        self.serialize_u64(number.into())
    }

    fn serialize_u32(self, number: u32) -> Result<(), Problem> {
        self.serialize_u64(number.into())
    }

    fn serialize_u64(self, number: u64) -> Result<(), Problem> {
        self.0.number(number.into())
    }

    fn serialize_u128(self, number: u128) -> Result<(), Problem> {
        self.wide(i128::try_from(number).ok(), number)
    }

    fn serialize_f32(self, number: f32) -> Result<(), Problem> {
        if number.is_finite() { self.0.single(number) } else { Err(Problem::NotFinite) }
    }

    fn serialize_f64(self, number: f64) -> Result<(), Problem> {
        let number = Finite::new(number).ok_or(Problem::NotFinite)?;
        self.0.number(number.into())
    }

    fn serialize_char(self, letter: char) -> Result<(), Problem> {
        self.0.string(letter.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), Problem> {
        self.0.string(text)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Problem> {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Result<(), Problem> {
        self.0.null()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Problem> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Problem> {
        self.0.null()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Problem> {
        self.0.null()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Problem> {
        self.0.string(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Problem> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Problem> {
        self.variant(variant)?;
        value.serialize(Walk(&mut *self.0))?;
        self.0.end_object()
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Inside<'a, S>, Problem> {
        self.array()
    }

    fn serialize_tuple(self, _len: usize) -> Result<Inside<'a, S>, Problem> {
        self.array()
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Inside<'a, S>, Problem> {
        self.array()
    }

    fn serialize_tuple_variant(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Inside<'a, S>, Problem> {
        self.variant(variant)?;
        self.array()
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Inside<'a, S>, Problem> {
        self.object()
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Inside<'a, S>, Problem> {
        if name.starts_with(RAW_PREFIX) { Err(Problem::RawJson) } else { self.object() }
    }

    fn serialize_struct_variant(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Inside<'a, S>, Problem> {
        self.variant(variant)?;
        self.object()
    }
}

impl<S: Sink> SerializeSeq for Inside<'_, S> {
    type Ok = ();
    type Error = Problem;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Problem> {
        value.serialize(Walk(&mut *self.0))
    }

    fn end(self) -> Result<(), Problem> {
        self.0.end_array()
    }
}

impl<S: Sink> SerializeTuple for Inside<'_, S> {
    type Ok = ();
    type Error = Problem;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Problem> {
        value.serialize(Walk(&mut *self.0))
    }

    fn end(self) -> Result<(), Problem> {
        self.0.end_array()
    }
}

impl<S: Sink> SerializeTupleStruct for Inside<'_, S> {
    type Ok = ();
    type Error = Problem;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Problem> {
        value.serialize(Walk(&mut *self.0))
    }

    fn end(self) -> Result<(), Problem> {
        self.0.end_array()
    }
}

impl<S: Sink> SerializeTupleVariant for Inside<'_, S> {
    type Ok = ();
    type Error = Problem;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Problem> {
        value.serialize(Walk(&mut *self.0))
    }

    fn end(self) -> Result<(), Problem> {
        self.0.end_array()?;
        self.0.end_object()
    }
}

impl<S: Sink> SerializeMap for Inside<'_, S> {
    type Ok = ();
    type Error = Problem;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Problem> {
        key.serialize(Key(&mut *self.0))
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Problem> {
        value.serialize(Walk(&mut *self.0))
    }

    fn end(self) -> Result<(), Problem> {
        self.0.end_object()
    }
}

impl<S: Sink> SerializeStruct for Inside<'_, S> {
    type Ok = ();
    type Error = Problem;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Problem> {
        self.0.key(key)?;
        value.serialize(Walk(&mut *self.0))
    }

    fn end(self) -> Result<(), Problem> {
        self.0.end_object()
    }
}

impl<S: Sink> SerializeStructVariant for Inside<'_, S> {
    type Ok = ();
    type Error = Problem;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Problem> {
        self.0.key(key)?;
        value.serialize(Walk(&mut *self.0))
    }

    fn end(self) -> Result<(), Problem> {
        self.0.end_object()?;
        self.0.end_object()
    }
}

/// The serializer of a map's key: what JSON can write as text, and nothing else.
#[derive(Debug)]
struct Key<'a, S>(&'a mut S);

/// Keys that are written as they are shown.
macro_rules! shown {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method(self, key: $type) -> Result<(), Problem> {
            self.0.key(&key.to_string())
        })*
    };
}

/// Keys that are no text.
macro_rules! refused {
    ($($method:ident($($argument:ty),*) -> $ok:ty,)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$ok, Problem> {
            Err(Problem::KeyNotText)
        })*
    };
}

type Never = Impossible<(), Problem>;

impl<S: Sink> Serializer for Key<'_, S> {
    type Ok = ();
    type Error = Problem;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    shown! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_char: char,
    }

    refused! {
        serialize_bytes(&[u8]) -> (),
        serialize_none() -> (),
        serialize_unit() -> (),
        serialize_unit_struct(&'static str) -> (),
        serialize_seq(Option<usize>) -> Never,
        serialize_tuple(usize) -> Never,
        serialize_tuple_struct(&'static str, usize) -> Never,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never,
        serialize_map(Option<usize>) -> Never,
        serialize_struct(&'static str, usize) -> Never,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never,
    }

    fn serialize_f32(self, key: f32) -> Result<(), Problem> {
        if key.is_finite() { self.0.key(&single_text(key)) } else { Err(Problem::NotFinite) }
    }

    fn serialize_f64(self, key: f64) -> Result<(), Problem> {
        if key.is_finite() { self.0.key(&double_text(key)) } else { Err(Problem::NotFinite) }
    }

    fn serialize_str(self, key: &str) -> Result<(), Problem> {
        self.0.key(key)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, key: &T) -> Result<(), Problem> {
        key.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Problem> {
        self.0.key(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        key: &T,
    ) -> Result<(), Problem> {
        key.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), Problem> {
        Err(Problem::KeyNotText)
    }
}

/// What a hand-written serialization does wrong when a map's keys and values do not alternate.
pub(crate) fn out_of_step() -> Problem {
    ser::Error::custom("keys and values of a map do not alternate")
}
