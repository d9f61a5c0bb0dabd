//! Messages between the game servers of this process, which save them a wait.
//!
//! ```text
//!   game server, operator ──Hint──► the server of that id, if it is here ──► its next turn
//!                              └──► nobody: it finds its mail with its next renewal
//! ```
//!
//! They may be of different openings of the library and of different stores: an id is random and names
//! one server of all, and a message of another store's record means nothing to it.
//!
//! Invariants: nothing depends on a delivery (L7); who posts never waits for a server; what a server has
//! not heard has a limit, beyond which it finds its mail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use steadfast_core::game_server::{Hint, HintKind};
use steadfast_core::record::{Fence, MailBody, MailKind};
use steadfast_core::{EntryId, ServerId};

use super::Driver;

static SERVERS: Mutex<BTreeMap<ServerId, Weak<Driver>>> = Mutex::new(BTreeMap::new());

fn servers() -> MutexGuard<'static, BTreeMap<ServerId, Weak<Driver>>> {
    SERVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server is reached under this id from now on, and under no other.
pub(super) fn enter(id: ServerId, driver: &Arc<Driver>) {
    let here = Arc::downgrade(driver);
    let mut servers = servers();
    servers.retain(|_, server| server.strong_count() > 0 && !server.ptr_eq(&here));
    servers.insert(id, here);
}

/// Hands a message over, if its receiver is in this process.
pub(crate) fn post(hint: Hint) {
    let receiver = servers().get(&hint.to).and_then(Weak::upgrade);
    // Not under the lock: this may be the last to hold the receiver.
    if let Some(driver) = receiver {
        driver.hear(hint);
    }
}

/// Tells whoever holds a record, under this fence, that there is work for it.
pub(crate) fn post_work(entry: &EntryId, (to, fence): (ServerId, Fence)) {
    let (entry, body) = (entry.clone(), MailBody { waiter: to, fence, kind: MailKind::Operation });
    post(Hint { to, entry, what: HintKind::Mail(body) });
}
