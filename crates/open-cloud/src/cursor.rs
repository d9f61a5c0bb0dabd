//! Page tokens: where a list goes on, as text that clients keep and send back.
//!
//! ```text
//!   byte  0        1     2 ..10                          10 ..
//!         version  kind  digest of request and position  position: the last item before
//! ```
//!
//! The text is Base64 for URLs. It holds nothing but its position, so it is valid after a restart
//! and the same for the same request (client rule 20). The digest covers every other parameter of
//! the request: a token sent with another one is refused (H-10), and so is one that was damaged on
//! the way. It is no secret: somebody who computes it gets another position of the same list, which
//! holds nothing that a key which may list does not see anyway.
//!
//! Start reading at [`Listing`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use md5::{Digest, Md5};
use steadfast_core::id::{EntryKey, Scope, StoreName};

/// Longest text that is looked at, in bytes: more than that of the longest names there are.
pub const TOKEN_SIZE_MAX: usize = 4096;

const VERSION: u8 = 1;
const DIGEST_SIZE: usize = 8;

/// The text is no token of this list: another one's, of other parameters, or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the page token is not one of this list with these parameters")]
pub struct TokenError;

/// A list as its requests name it: the call with all parameters but the token.
#[derive(Clone)]
pub struct Listing(Md5);

impl Listing {
    /// A list of some kind of call.
    pub fn of(call: &str) -> Self {
        Self(Md5::new()).with(call)
    }

    /// The same with one parameter more. Their order counts, and so does one that is empty.
    #[must_use]
    pub fn with(mut self, parameter: impl AsRef<[u8]>) -> Self {
        let parameter = parameter.as_ref();
        // With its length in front, no two lists of parameters are the same bytes.
        self.0.update(u64::try_from(parameter.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(parameter);
        self
    }

    /// The same with one parameter more, which may not be given.
    #[must_use]
    pub fn with_optional(self, parameter: Option<impl AsRef<[u8]>>) -> Self {
        match parameter {
            None => self.with([0]),
            Some(parameter) => self.with([1]).with(parameter),
        }
    }

    /// The token of a position.
    pub fn token<P: Position>(&self, position: &P) -> String {
        let mut bytes = Vec::new();
        position.write(&mut bytes);
        let head = [VERSION, P::KIND];
        let digest = self.digest(head, &bytes);
        URL_SAFE_NO_PAD.encode([&head[..], &digest, &bytes].concat())
    }

    /// The token where the next page starts: empty at the end (client rule 19).
    pub fn next_token<P: Position>(&self, position: Option<&P>) -> String {
        position.map_or_else(String::new, |position| self.token(position))
    }

    /// The position of a token of this list.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn position<P: Position>(&self, token: &str) -> Result<P, TokenError> {
        if token.len() > TOKEN_SIZE_MAX {
            return Err(TokenError);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError)?;
        let (head, rest) = bytes.split_first_chunk().ok_or(TokenError)?;
        let (digest, position) = rest.split_first_chunk().ok_or(TokenError)?;
        if *head != [VERSION, P::KIND] || self.digest(*head, position) != *digest {
            return Err(TokenError);
        }
        P::read(position).ok_or(TokenError)
    }

    fn digest(&self, head: [u8; 2], position: &[u8]) -> [u8; DIGEST_SIZE] {
        let digest = self.clone().with(head).with(position).0.finalize();
        *digest.first_chunk().expect("an MD5 digest has 16 bytes")
    }
}

impl std::fmt::Debug for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listing").finish_non_exhaustive()
    }
}

/// What the next page starts behind.
pub trait Position: Sized {
    /// Tells positions of different kinds apart.
    const KIND: u8;

    /// Appends its bytes.
    fn write(&self, bytes: &mut Vec<u8>);

    /// Reads all of the bytes; nothing if they are not a position of this kind.
    fn read(bytes: &[u8]) -> Option<Self>;
}

/// An entry, in the order of scopes and then keys.
impl Position for (Scope, EntryKey) {
    const KIND: u8 = 1;

    fn write(&self, bytes: &mut Vec<u8>) {
        let (scope, key) = (self.0.as_str(), self.1.as_str());
        bytes.extend(u32::try_from(scope.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(scope.as_bytes());
        bytes.extend(key.as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (size, names) = bytes.split_first_chunk()?;
        let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
        let (scope, key) = names.split_at_checked(size)?;
        Some((Scope::trusted(name(scope)?), EntryKey::trusted(name(key)?)))
    }
}

/// The number of a write, in the history of an entry.
impl Position for u64 {
    const KIND: u8 = 2;

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

/// A data store, by name.
impl Position for StoreName {
    const KIND: u8 = 3;

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.as_str().as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        name(bytes).map(Self::trusted)
    }
}

/// An entry of a board, by value and then key.
impl Position for (i64, EntryKey) {
    const KIND: u8 = 4;

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.0.to_be_bytes());
        bytes.extend(self.1.as_str().as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (value, key) = bytes.split_first_chunk()?;
        Some((i64::from_be_bytes(*value), EntryKey::trusted(name(key)?)))
    }
}

fn name(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
#[path = "cursor/tests.rs"]
mod tests;
