//! Data stores of another process, or of the live service.

use steadfast_open_cloud::client::{Client, Config, ConnectError, Key};

/// Connects to a server of ours. Nothing is sent yet.
///
/// What comes back is a [`Platform`](crate::storage::Platform), as the one behind
/// [`Steadfast`](crate::Steadfast) is: the same requests, answers and errors. Other settings, and
/// the live service, are in [`open_cloud::Config`](crate::open_cloud::Config).
///
/// # Errors
/// [`ConnectError`]: the address or the key cannot be one, or the system gives no thread.
///
/// # Example
/// ```
/// use steadfast::core::ErrorKind;
/// use steadfast::core::platform::{Get, Request, Which};
/// use steadfast::core::{EntryId, EntryKey, Limits, Scope, StoreId, StoreName, UniverseId};
/// use steadfast::storage::{Platform, wait};
///
/// let limits = Limits::native();
/// let store = StoreId { universe: UniverseId(1), name: StoreName::parse("PlayerData", &limits)? };
/// let key = EntryKey::parse("Player_1", &limits)?;
/// let entry = EntryId { store, scope: Scope::global(), key };
///
/// // Nobody listens there.
/// let client = steadfast::connect("http://127.0.0.1:1", "an API key")?;
/// let get = Request::Get(Get { entry, which: Which::Current });
/// let answer = wait(|done| client.execute(get, done)).expect("every request is answered");
/// assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn connect(url: impl Into<String>, key: impl AsRef<str>) -> Result<Client, ConnectError> {
    Client::connect(Config::steadfast(url, Key::new(key.as_ref())))
}
