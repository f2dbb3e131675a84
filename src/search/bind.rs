//! What a statement binds: values, which never become a part of its text.

use std::sync::Arc;

/// A value that is bound, never written into the text.
#[derive(Clone, Debug, PartialEq)]
pub enum Bind {
    /// A text, which a statement may name again and again.
    Text(Arc<str>),
    /// A 64-bit integer.
    Int(i64),
    /// A floating-point number.
    Real(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// No text.
    NullText,
    /// No integer.
    NullInt,
}

/// What becomes a bind of which kind.
macro_rules! binds {
    ($($from:ty => $kind:ident),*) => {
        $(impl From<$from> for Bind {
            fn from(value: $from) -> Self {
                Bind::$kind(value.into())
            }
        })*
    };
}

binds!(&str => Text, String => Text, i64 => Int, f64 => Real, Vec<u8> => Bytes);
